/** Command line of a device process. */

import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type LogLevel } from '#src/audit/log.ts';
import { DEFAULT_POLICY, type Policy } from '#src/cryptoki/separation.ts';
import { HalError } from '#src/wire/status.ts';

export interface Options {
  readonly index: number;
  /** State folder of the appliance. */
  readonly state: string;
  /** Socket of the master key holder. */
  readonly mkm: string;
  readonly epoch: Uint8Array;
  readonly pinDelayMs: number;
  readonly maxKeys: number;
  readonly maxBytes: number | undefined;
  readonly maxLogins: number;
  readonly publicSessionKeys: boolean;
  readonly strictVendor: boolean;
  readonly policy: Policy;
  readonly erasesKeys: boolean;
  readonly logLevel: LogLevel;
}

/** @throws HalError BAD_ARGUMENTS naming the option */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      index: { type: 'string' },
      state: { type: 'string' },
      mkm: { type: 'string' },
      epoch: { type: 'string' },
      // The delay of a CrypTech device.
      'pin-delay-ms': { type: 'string', default: '5000' },
      'max-keys': { type: 'string', default: '1000000' },
      'max-store-bytes': { type: 'string' },
      'max-logins': { type: 'string', default: '1000' },
      'public-session-keys': { type: 'boolean', default: false },
      'strict-vendor': { type: 'boolean', default: false },
      'key-separation': { type: 'string', default: DEFAULT_POLICY.keySeparation },
      'no-legacy-mechanisms': { type: 'boolean', default: !DEFAULT_POLICY.legacyMechanisms },
      'no-plaintext-import': { type: 'boolean', default: !DEFAULT_POLICY.plaintextImport },
      'erase-keys': { type: 'boolean', default: false },
      'log-level': { type: 'string', default: 'info' },
    },
  });
  // Without one, tickets end with this process.
  const epoch = values.epoch === undefined ? randomBytes(16) : Buffer.from(values.epoch, 'hex');
  if (epoch.length !== 16) throw new HalError('BAD_ARGUMENTS', 'option --epoch takes 32 hexadecimal digits');
  return {
    index: number('index', required('index', values.index)),
    state: required('state', values.state),
    mkm: required('mkm', values.mkm),
    epoch,
    pinDelayMs: number('pin-delay-ms', values['pin-delay-ms']),
    maxKeys: number('max-keys', values['max-keys']),
    maxBytes:
      values['max-store-bytes'] === undefined ? undefined : number('max-store-bytes', values['max-store-bytes']),
    maxLogins: number('max-logins', values['max-logins']),
    publicSessionKeys: values['public-session-keys'],
    strictVendor: values['strict-vendor'],
    policy: {
      keySeparation: separation(required('key-separation', values['key-separation'])),
      legacyMechanisms: !values['no-legacy-mechanisms'],
      plaintextImport: !values['no-plaintext-import'],
    },
    erasesKeys: values['erase-keys'],
    logLevel: level(values['log-level']),
  };
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) throw new HalError('BAD_ARGUMENTS', `option --${name} is missing`);
  return value;
}

function number(name: string, value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new HalError('BAD_ARGUMENTS', `option --${name} takes a number`);
  return Number(value);
}

function separation(value: string): Policy['keySeparation'] {
  if (value === 'strict' || value === 'standard') return value;
  throw new HalError('BAD_ARGUMENTS', 'option --key-separation takes strict or standard');
}

function level(value: string): LogLevel {
  if (value === 'error' || value === 'warn' || value === 'info' || value === 'debug') return value;
  throw new HalError('BAD_ARGUMENTS', 'option --log-level takes error, warn, info or debug');
}
