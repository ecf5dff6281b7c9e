/** Signatures and verifications by a board. */

import { CKM } from '#src/cryptoki/constants.ts';
import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { type FactsMemory, type FixedFacts } from './key-facts.ts';
import { type RoleClient } from './role-client.ts';
import { SIGNATURE } from './time-limits.ts';

/** Within the role's turn. */
export function sign(
  role: RoleClient,
  memory: FactsMemory,
  { key, mechanism, parameter, data }: Omit<ArgsOf<'KEY_SIGN'>, 'connection'>,
): Promise<Uint8Array> {
  return role.withHandle(key, async (pkey) => {
    const facts = await memory.of(role, key, pkey);
    checkUse(facts, mechanism, parameter);
    const input = inputOf(facts, data);
    const sigMax = signatureLength(facts);
    return (await role.call('PKEY_SIGN', { pkey, hash: 0, input, sigMax }, SIGNATURE)).signature;
  });
}

/** Within the role's turn. @throws HalError INVALID_SIGNATURE */
export function verify(
  role: RoleClient,
  memory: FactsMemory,
  { key, mechanism, parameter, data, signature }: Omit<ArgsOf<'KEY_VERIFY'>, 'connection'>,
): Promise<void> {
  return role.withHandle(key, async (pkey) => {
    const facts = await memory.of(role, key, pkey);
    checkUse(facts, mechanism, parameter);
    // The firmware does not survive some signatures that are too short.
    if (signature.length !== signatureLength(facts)) throw new HalError('INVALID_SIGNATURE', 'its length');
    await role.call('PKEY_VERIFY', { pkey, hash: 0, input: inputOf(facts, data), signature }, SIGNATURE);
  });
}

function checkUse({ type, flags }: FixedFacts, mechanism: number, parameter: Uint8Array): void {
  if ((flags & KeyFlags.DIGITALSIGNATURE) === 0) throw new HalError('FORBIDDEN', 'the key may not sign');
  if (parameter.length > 0) throw new HalError('BAD_ARGUMENTS', 'the mechanism takes no parameter');
  const types: readonly number[] =
    mechanism === CKM.RSA_PKCS
      ? [KeyType.RSA_PRIVATE, KeyType.RSA_PUBLIC]
      : mechanism === CKM.ECDSA
        ? [KeyType.EC_PRIVATE, KeyType.EC_PUBLIC]
        : [];
  if (!types.includes(type)) throw new HalError('UNSUPPORTED_KEY', `mechanism 0x${mechanism.toString(16)}`);
}

/** ECDSA takes the leftmost bits of a long digest (FIPS 186-5, 6.4.1); a board would reduce the whole number. */
function inputOf({ type, bits }: FixedFacts, data: Uint8Array): Uint8Array {
  if (data.length === 0) throw new HalError('BAD_ARGUMENTS', 'nothing to sign');
  const isEc = type === KeyType.EC_PRIVATE || type === KeyType.EC_PUBLIC;
  const order = Math.ceil(bits / 8);
  if (!isEc || data.length <= order) return data;
  const leftmost = data.slice(0, order);
  const unused = 8 * order - bits;
  if (unused === 0) return leftmost;
  const number = BigInt(`0x${leftmost.toHex()}`) >> BigInt(unused);
  return Uint8Array.fromHex(number.toString(16).padStart(2 * order, '0'));
}

function signatureLength({ type, bits }: FixedFacts): number {
  const bytes = Math.ceil(bits / 8);
  return type === KeyType.RSA_PRIVATE || type === KeyType.RSA_PUBLIC ? bytes : 2 * bytes;
}
