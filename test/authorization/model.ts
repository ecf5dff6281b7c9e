/** Who may do what, worked out from the operation table: what every probe of every function must be answered. */

import { type Operation } from '#src/wire/operation.ts';
import { type HalStatusName } from '#src/wire/status.ts';
import { vendorOperations } from '#src/wire/vendor-operations.ts';

export type VendorName = keyof typeof vendorOperations;

export const ROLES = ['none', 'user', 'so', 'wheel'] as const;
export type Role = (typeof ROLES)[number];

/** How a caller reaches the functions: through the appliance, or as the appliance reaches its devices. */
export type Kind = 'network' | 'internal' | 'device' | 'device with public session keys';

export type State = 'operational' | 'locked' | 'no master key';

export interface Situation {
  readonly kind: Kind;
  readonly state: State;
  readonly role: Role;
}

/** The outcome a probe is made for, before anybody asks who calls. */
export type Purpose =
  /** Arguments are missing. */
  | 'cut'
  /** An argument is outside its rules. */
  | 'implausible'
  /** The reply would not fit a message. */
  | 'oversize'
  /** A handle that was never given out. */
  | 'unknown handle'
  /** A name that no key has. */
  | 'unknown name'
  /** Nothing is wrong. */
  | 'valid';

export interface Probe {
  readonly name: VendorName;
  readonly purpose: Purpose;
  readonly note: string;
  /** Uses handles of keys that were opened before; `PUBLIC` and TOKEN keys, so that a logout leaves them open at the appliance. */
  readonly usesKeys: boolean;
  /** Concerns a session key that is usable without login. */
  readonly isPublicSession: boolean;
  /** The role whose PIN or login it is about. */
  readonly about: Role | undefined;
}

/** Beyond the table: these use the private half of a key that somebody else may have left open. */
const NEED_LOGIN = new Set<VendorName>(['PKEY_SIGN', 'PKEY_EXPORT', 'PKEY_DELETE', 'PKEY_SET_ATTRIBUTES']);

/** What needs the master key on a device; the appliance does not get so far. */
const NEED_MASTER_KEY = new Set<VendorName>([
  'PKEY_LOAD',
  'PKEY_GENERATE_RSA',
  'PKEY_GENERATE_EC',
  'PKEY_GET_PUBLIC_KEY',
  // The attributes are bound to it.
  'PKEY_SET_ATTRIBUTES',
  'PKEY_SIGN',
  'PKEY_VERIFY',
  'PKEY_EXPORT',
  'PKEY_IMPORT',
  'PKEY_GENERATE_HASHSIG',
]);

export function expectedStatus({ kind, state, role }: Situation, probe: Probe): HalStatusName {
  const { name, purpose, about } = probe;
  const operation: Operation = vendorOperations[name];
  const isDevice = kind.startsWith('device');
  const mayUseKeys = role === 'user' || role === 'wheel';

  if (isDevice && operation.route === 'appliance') return 'RPC_BAD_FUNCTION';
  if (kind === 'network' && state !== 'operational') {
    if (!operation.always) return state === 'locked' ? 'FORBIDDEN' : 'MASTERKEY_NOT_SET';
    // All logins ended with the service.
    if (name === 'IS_LOGGED_IN' && purpose === 'valid') return 'FORBIDDEN';
  }

  if (purpose === 'cut') return 'XDR_BUFFER_OVERFLOW';
  if (purpose === 'implausible') return 'BAD_ARGUMENTS';
  if (purpose === 'oversize') return 'RPC_PACKET_OVERFLOW';

  const hasHandle = probe.isPublicSession || !(isDevice && role === 'none');
  // Session keys end with the master key.
  const isKeyGone = probe.usesKeys && probe.isPublicSession && state === 'no master key';
  const isHandleMissing = purpose === 'unknown handle' || isKeyGone || (probe.usesKeys && !hasHandle);
  const noKey = name === 'PKEY_GET_PUBLIC_KEY_LEN' ? 'OK' : 'KEY_NOT_FOUND';
  if (isHandleMissing) return noKey;

  const mayMake = mayUseKeys || (probe.isPublicSession && kind === 'device with public session keys');
  switch (operation.caller) {
    case 'internal':
      if (kind === 'network') return 'FORBIDDEN';
      break;
    case 'wheelOrSoForUser':
      if (role !== 'wheel' && !(role === 'so' && about === 'user')) return 'FORBIDDEN';
      break;
    case 'userOrWheel':
      if (!mayUseKeys) return 'FORBIDDEN';
      break;
    case 'userOrWheelUnlessPublicSession':
      if (!mayMake) return 'FORBIDDEN';
      break;
    case 'wheel':
      if (role !== 'wheel') return 'FORBIDDEN';
      break;
    case 'so':
      if (role !== 'so') return 'FORBIDDEN';
      break;
    case 'match':
    case 'any':
      break;
  }
  if (NEED_LOGIN.has(name) && !mayMake) return 'FORBIDDEN';
  if (name === 'IS_LOGGED_IN') return role === about ? 'OK' : 'FORBIDDEN';
  if (purpose === 'unknown name') return 'KEY_NOT_FOUND';
  if (state === 'no master key' && NEED_MASTER_KEY.has(name)) return 'MASTERKEY_NOT_SET';
  return 'OK';
}
