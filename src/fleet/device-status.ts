/** What the console, the status page and GET_HSM_STATE tell about a device. */

import { type MasterKeyState } from '#src/wire/enumerations.ts';
import { type Device } from './device.ts';

export interface DeviceStatus {
  readonly index: number;
  readonly running: boolean;
  readonly masterKey: MasterKeyState;
  /** A text of GET_HSM_STATE. */
  readonly stateText: string;
  readonly tokenKeys: number;
  /** Connections logged in, and session keys. */
  readonly logins: number;
  readonly volatileKeys: number;
}

export interface PinState {
  readonly userFailures: number;
  readonly soFailures: number;
  readonly pinsSet: number;
}

/** What the devices told last: those that are out of service come back with what they had. */
export function pinStateOf(devices: readonly Device[]): PinState {
  const known = devices.filter(({ isKnown }) => isKnown).map(({ status }) => status);
  return {
    userFailures: Math.max(0, ...known.map(({ userFailures }) => userFailures)),
    soFailures: Math.max(0, ...known.map(({ soFailures }) => soFailures)),
    pinsSet: known.reduce((bits, { pinsSet }) => bits & pinsSet, known.length > 0 ? 0b1110 : 0),
  };
}

/** The texts of the vendor's appliance. */
const TEXTS = {
  locked: 'The HSM must be unlocked. Please login using the setup console.',
  ready: 'Active - Ready',
  generating: 'Active - Generating a key',
  notReady: 'Device not ready',
  failed: 'Device failure. Try restarting the HSM.',
} as const;

export function statusOf(device: Device, unlocked: boolean): DeviceStatus {
  const { masterKey, tokenKeys, logins, volatileKeys } = device.status;
  return {
    index: device.index,
    running: device.running,
    masterKey: masterKey as MasterKeyState,
    stateText: stateText(device, unlocked),
    tokenKeys,
    logins,
    volatileKeys,
  };
}

function stateText(device: Device, unlocked: boolean): string {
  if (!device.running) return device.expected ? TEXTS.notReady : TEXTS.failed;
  if (!unlocked) return TEXTS.locked;
  return device.generating ? TEXTS.generating : TEXTS.ready;
}
