/**
 * What the attributes of keys allow, asked before every use and every change. The rules themselves are in
 * `cryptoki/separation.ts`; here is what they need to know of a key of the device.
 */

import { CKA, CKR } from '#src/cryptoki/constants.ts';
import { type KeyView, keyViewOf } from '#src/cryptoki/key-view.ts';
import { checkUse, type Policy } from '#src/cryptoki/separation.ts';
import { boolValue, FALSE, isTrue, TRUE } from '#src/cryptoki/values.ts';
import { type Attribute } from '#src/store/stored-key.ts';
import { ALL_KEY_FLAGS, KeyFlags } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { type ContextLogins } from './context-logins.ts';
import { attributeOf, type DeviceKey, isManaged, limitOf } from './device-key.ts';
import { type LoadedKey, type Use } from './loaded-keys.ts';
import { type UseCounts } from './use-counts.ts';

/** Uses that need something secret. They are counted, and CKA_ALWAYS_AUTHENTICATE is about those of private keys. */
const SECRET_USES: ReadonlySet<Use> = new Set([
  'sign',
  'encrypt',
  'decrypt',
  'wrap',
  'unwrap',
  'derive',
  'decapsulate',
]);

/** Operations that begin with a function of their own, after which the PIN is shown (PKCS#11 3.2 section 4.9). */
const PIN_USES: ReadonlySet<Use> = new Set(['sign', 'decrypt']);

export class KeyPolicy {
  readonly policy: Policy;
  readonly #contextLogins: ContextLogins;
  readonly #uses: UseCounts;

  constructor(policy: Policy, contextLogins: ContextLogins, uses: UseCounts) {
    this.policy = policy;
    this.#contextLogins = contextLogins;
    this.#uses = uses;
  }

  /**
   * Checks that a use is allowed, and takes the context login that it may need.
   * @throws CkrError
   */
  permit(connection: number, key: LoadedKey, use: Use, mechanism: number): void {
    if (key.isAllowed(use, mechanism)) return;
    checkUse(viewOf(key.key), use, mechanism, this.policy, new Date());
    const isPersonal = SECRET_USES.has(use) && hasSecret(key.key);
    if (isPersonal && isTrue(attributeOf(key.key, CKA.ALWAYS_AUTHENTICATE))) {
      // Between C_UnwrapKey or C_DeriveKey and their end there is no place for a C_Login: a PIN is shown for something else.
      if (!PIN_USES.has(use))
        throw new CkrError(CKR.USER_NOT_LOGGED_IN, 'the key wants the PIN, for signing and decrypting');
      this.#contextLogins.take(connection, key.id);
    } else if (!isDated(key.key) && !(isPersonal && key.isLimited)) {
      key.allow(use, mechanism);
    }
  }

  /**
   * Counts a use that went well, before its result is released.
   * @throws CkrError CKR_KEY_FUNCTION_NOT_PERMITTED if the limit of the key is reached
   */
  count(key: LoadedKey, use: Use): void {
    if (!SECRET_USES.has(use) || !hasSecret(key.key)) return;
    if (key.isLimited) this.#uses.spend(key.id, key.uses, limitOf(key.key) as number);
    else this.#uses.add(key.id, key.uses);
  }
}

/**
 * A key as the rules see it. What was made without a PKCS#11 template may have got any attributes since: nothing that would
 * open it is believed.
 */
export function viewOf(key: Pick<DeviceKey, 'type' | 'curve' | 'bits' | 'flags' | 'attributes'>): KeyView {
  const { type, curve, bits } = key;
  const flags = key.flags & ALL_KEY_FLAGS;
  const attributes = isManaged(key) ? key.attributes : [...key.attributes, ...unbelieved(key)];
  return keyViewOf({
    type,
    curve,
    bits,
    flags,
    attributes: new Map(attributes.map((entry) => [entry.type, entry.value])),
  });
}

function unbelieved(key: Pick<DeviceKey, 'flags' | 'attributes'>): Attribute[] {
  const isExportable = (key.flags & KeyFlags.EXPORTABLE) !== 0 && attributeOf(key, CKA.EXTRACTABLE)?.[0] !== 0;
  return [
    { type: CKA.SENSITIVE, value: TRUE },
    { type: CKA.EXTRACTABLE, value: boolValue(isExportable) },
    { type: CKA.LOCAL, value: FALSE },
    { type: CKA.ALWAYS_SENSITIVE, value: FALSE },
    { type: CKA.NEVER_EXTRACTABLE, value: FALSE },
    { type: CKA.TRUSTED, value: FALSE },
    { type: CKA.DKS_CLOSED_PAIR, value: FALSE },
  ];
}

function hasSecret({ wrapped }: DeviceKey): boolean {
  return wrapped !== undefined;
}

function isDated(key: DeviceKey): boolean {
  const isGiven = (type: number): boolean => (attributeOf(key, type)?.length ?? 0) > 0;
  return isGiven(CKA.START_DATE) || isGiven(CKA.END_DATE);
}
