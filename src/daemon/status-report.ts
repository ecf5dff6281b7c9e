/** What the status page is told. */

import { type Fleet } from '#src/fleet/fleet.ts';
import { type StatusReport } from '#src/web/status-report.ts';
import { ApplianceState } from '#src/wire/enumerations.ts';

const STATE_NAMES = {
  [ApplianceState.OPERATIONAL]: 'OPERATIONAL',
  [ApplianceState.LOCKED]: 'LOCKED',
  [ApplianceState.NO_MASTER_KEY]: 'NO_MASTER_KEY',
  [ApplianceState.TAMPER]: 'TAMPER',
  [ApplianceState.NO_DEVICE]: 'NO_DEVICE',
} as const;

export function statusReport(facts: {
  readonly fleet: Fleet;
  readonly serial: string;
  readonly version: string;
  readonly address: string;
  readonly startedAt: number;
}): StatusReport {
  const { fleet, serial, version, address, startedAt } = facts;
  return {
    address,
    version,
    serial,
    uptimeSeconds: Math.floor((Date.now() - startedAt) / 1000),
    state: STATE_NAMES[fleet.state],
    devices: fleet.devices.map(({ index, running, stateText }) => ({ index, running, stateText })),
  };
}
