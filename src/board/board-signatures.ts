/** Signatures and verifications by a board. */

import { CKM } from '#src/cryptoki/constants.ts';
import { digestNamed } from '#src/cryptoki/digests.ts';
import { mechanismOf } from '#src/cryptoki/mechanisms.ts';
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
  { key, parameter, ...args }: Omit<ArgsOf<'KEY_SIGN'>, 'connection'>,
): Promise<Uint8Array> {
  const { mechanism, data } = rawOf(args.mechanism, args.data);
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
  { key, parameter, signature, ...args }: Omit<ArgsOf<'KEY_VERIFY'>, 'connection'>,
): Promise<void> {
  const { mechanism, data } = rawOf(args.mechanism, args.data);
  return role.withHandle(key, async (pkey) => {
    const facts = await memory.of(role, key, pkey);
    checkUse(facts, mechanism, parameter);
    // The firmware does not survive some signatures that are too short.
    if (signature.length !== signatureLength(facts)) throw new HalError('INVALID_SIGNATURE', 'its length');
    await role.call('PKEY_VERIFY', { pkey, hash: 0, input: inputOf(facts, data), signature }, SIGNATURE);
  });
}

/** A mechanism that hashes first comes with the hash: what a board is to sign is that, for RSA in a DigestInfo (RFC 8017, 9.2). */
function rawOf(mechanism: number, data: Uint8Array): { mechanism: number; data: Uint8Array } {
  const { name = '', digest, parameter } = mechanismOf(mechanism) ?? {};
  if (digest === undefined || parameter !== 'none') return { mechanism, data };
  const { size, digestInfo } = digestNamed(digest);
  if (name.startsWith('ECDSA_')) return { mechanism: CKM.ECDSA, data };
  if (!name.endsWith('_RSA_PKCS') || data.length !== size) return { mechanism, data };
  return { mechanism: CKM.RSA_PKCS, data: Buffer.concat([digestInfo, data]) };
}

/** Key types of the mechanisms that a board has. */
const MECHANISMS = new Map<number, readonly number[]>([
  [CKM.RSA_PKCS, [KeyType.RSA_PRIVATE, KeyType.RSA_PUBLIC]],
  [CKM.ECDSA, [KeyType.EC_PRIVATE, KeyType.EC_PUBLIC]],
]);

function checkUse({ type, flags }: FixedFacts, mechanism: number, parameter: Uint8Array): void {
  if ((flags & KeyFlags.DIGITALSIGNATURE) === 0) throw new HalError('FORBIDDEN', 'the key may not sign');
  const types = MECHANISMS.get(mechanism);
  if (!types) throw new HalError('NOT_IMPLEMENTED', `mechanism 0x${mechanism.toString(16)}`);
  if (!types.includes(type)) throw new HalError('UNSUPPORTED_KEY', 'a key of another kind');
  if (parameter.length > 0) throw new HalError('BAD_ARGUMENTS', 'the mechanism takes no parameter');
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
