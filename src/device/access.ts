/** Who may do what with a key, decided by the login of the connection. */

import { ALL_KEY_FLAGS, KeyFlags, User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type DeviceKey } from './device-key.ts';
import { type LoginTable } from './login-table.ts';

export interface AccessOptions {
  /** Whether PUBLIC session keys may be made without login, as on a CrypTech device; a way to keep a device busy. */
  readonly publicSessionKeys: boolean;
}

export class Access {
  readonly #logins: LoginTable;
  readonly #options: AccessOptions;

  constructor(logins: LoginTable, options: AccessOptions) {
    this.#logins = logins;
    this.#options = options;
  }

  /**
   * A public value as PUBLIC session object takes no login (PKCS#11 3.1 section 5.6.7, table 6): it costs little, and the
   * appliance limits the number of session objects. The security officer, who may use no key, writes public values for all
   * others to read, such as the certificates to trust (table 6, "R/W SO Functions").
   * @param isPublicValue of a public key, a certificate, or data that is told to everybody
   * @throws HalError BAD_ARGUMENTS for unknown flags, FORBIDDEN if the connection may not make such a key
   */
  checkCreate(connection: number, flags: number, isPublicValue: () => boolean = never): void {
    checkKeyFlags(flags);
    if (this.#logins.isUserOrWheel(connection)) return;
    if (isPublicSession(flags) && (this.#options.publicSessionKeys || isPublicValue())) return;
    if (this.#logins.userOf(connection) === User.SO && isPublic(flags) && isPublicValue()) return;
    throw new HalError('FORBIDDEN', 'login missing');
  }

  /** Whether a key exists for a connection: a session key does for its owner and for the wheel only. */
  sees(connection: number, key: Pick<DeviceKey, 'owner'>): boolean {
    return key.owner === undefined || key.owner === connection || this.#logins.userOf(connection) === User.WHEEL;
  }

  /** For changes and private key operations. HalError FORBIDDEN. */
  checkUse(connection: number, key: Pick<DeviceKey, 'flags'>): void {
    if (this.#logins.isUserOrWheel(connection) || isPublicSession(key.flags)) return;
    throw new HalError('FORBIDDEN', 'login missing');
  }

  /** As {@link checkUse}, but the security officer destroys the public values that he may write. */
  checkDestroy(connection: number, key: Pick<DeviceKey, 'flags' | 'wrapped'>): void {
    const isPublicValue = isPublic(key.flags) && key.wrapped === undefined;
    if (this.#logins.userOf(connection) !== User.SO || !isPublicValue) this.checkUse(connection, key);
  }

  /** @throws HalError FORBIDDEN */
  checkUserOrWheel(connection: number): void {
    if (!this.#logins.isUserOrWheel(connection)) throw new HalError('FORBIDDEN', 'login missing');
  }

  /** @throws HalError FORBIDDEN */
  checkWheel(connection: number): void {
    if (this.#logins.userOf(connection) !== User.WHEEL) throw new HalError('FORBIDDEN', 'only for wheel');
  }

  /** @throws HalError FORBIDDEN */
  checkSo(connection: number): void {
    if (this.#logins.userOf(connection) !== User.SO) throw new HalError('FORBIDDEN', 'only for so');
  }

  /** Who may set the PIN of a role: wheel any, so that of the user. HalError FORBIDDEN. */
  checkSetPin(connection: number, user: number): void {
    const caller = this.#logins.userOf(connection);
    if (caller === User.WHEEL || (caller === User.SO && user === User.NORMAL)) return;
    throw new HalError('FORBIDDEN', 'not allowed to set this PIN');
  }
}

/** @throws HalError BAD_ARGUMENTS for flags that do not exist */
export function checkKeyFlags(flags: number): void {
  if ((flags & ~ALL_KEY_FLAGS) !== 0) throw new HalError('BAD_ARGUMENTS', `key flags 0x${flags.toString(16)}`);
}

/** @throws HalError FORBIDDEN if the key is not for signatures; signing and verifying both need it */
export function checkSignatureFlag(flags: number): void {
  if ((flags & KeyFlags.DIGITALSIGNATURE) === 0) throw new HalError('FORBIDDEN', 'the key is not for signatures');
}

function never(): boolean {
  return false;
}

function isPublic(flags: number): boolean {
  return (flags & KeyFlags.PUBLIC) !== 0;
}

function isPublicSession(flags: number): boolean {
  return (flags & (KeyFlags.PUBLIC | KeyFlags.TOKEN)) === KeyFlags.PUBLIC;
}
