/** What the appliance answers about itself (functions 0, 1, 66, 1979, 1980). */

import { randomBytes } from 'node:crypto';
import { ApplianceState, Limits, PROTOCOL_VERSION } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type VendorHandlers } from './handler.ts';

type Functions = 'GET_VERSION' | 'GET_RANDOM' | 'CHECK_TAMPER' | 'GET_HSM_STATE' | 'GET_IP';

export const appliance: VendorHandlers<Functions> = {
  GET_VERSION: () => ({ version: PROTOCOL_VERSION }),

  GET_RANDOM(_session, { length }) {
    if (length > Limits.random) throw new HalError('RPC_PACKET_OVERFLOW');
    return { data: randomBytes(length) };
  },

  CHECK_TAMPER({ fleet }) {
    if (fleet.state === ApplianceState.TAMPER) throw new HalError('TAMPER');
    return {};
  },

  GET_HSM_STATE: ({ fleet }) => ({ states: fleet.devices.map(({ stateText }) => stateText) }),

  GET_IP: ({ localAddress }) => ({ address: localAddress }),
};
