/** PKEY_SIGN and PKEY_VERIFY (functions 23 and 24). */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { Curve, KeyFlags, KeyType, Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { digestInfo } from './digests.ts';
import { type VendorHandlers } from './handler.ts';
import { type VendorSession } from './session.ts';

/** CKM_RSA_PKCS, CKM_ECDSA, CKM_HSS (PKCS#11 3.1, 6.1, 6.3 and 6.14): a device signs what it is given, the digest is the caller's. */
const CKM_RSA_PKCS = 0x0001;
const CKM_ECDSA = 0x1041;
const CKM_HSS = 0x4033;
/** With the vendor's bit: over the whole digest modulo the order, as CrypTech devices sign, instead of its leftmost bits. */
const CKM_ECDSA_WHOLE_DIGEST = 0x8000_1041;
const NO_PARAMETER = new Uint8Array(0);

/** Twice the bytes of the group order. */
const EC_SIGNATURE: ReadonlyMap<number, number> = new Map([
  [Curve.P256, 64],
  [Curve.P384, 96],
  [Curve.P521, 132],
]);

export const signatures: VendorHandlers<'PKEY_SIGN' | 'PKEY_VERIFY'> = {
  async PKEY_SIGN(session, { pkey, hash, input, sigMax }) {
    if (sigMax === 0) throw new HalError('BAD_ARGUMENTS', 'no room for a signature');
    checkInput(hash, input);
    if (sigMax > Limits.random) throw new HalError('RPC_PACKET_OVERFLOW');
    const entry = session.key(pkey);
    const mechanism = mechanismOf(session, entry, [KeyType.RSA_PRIVATE, KeyType.EC_PRIVATE, KeyType.HASHSIG_PRIVATE]);
    checkUsage(entry);
    session.requireUse(entry);
    const digest = finishDigest(session, hash);
    if (signatureLength(entry) > sigMax) throw new HalError('RESULT_TOO_LONG');
    const data = digest === undefined ? input : toBeSigned(entry, digest);
    return { signature: await session.fleet.sign(session.connection, entry, mechanism, NO_PARAMETER, data) };
  },

  async PKEY_VERIFY(session, { pkey, hash, input, signature }) {
    if (signature.length === 0) throw new HalError('BAD_ARGUMENTS', 'no signature');
    checkInput(hash, input);
    const entry = session.key(pkey);
    const mechanism = mechanismOf(session, entry, [
      KeyType.RSA_PRIVATE,
      KeyType.RSA_PUBLIC,
      KeyType.EC_PRIVATE,
      KeyType.EC_PUBLIC,
      KeyType.HASHSIG_PRIVATE,
      KeyType.HASHSIG_PUBLIC,
    ]);
    checkUsage(entry);
    const digest = finishDigest(session, hash);
    // The levels of a hash-based signature may differ in their parameters: the device looks.
    if (!isHashsig(entry) && signature.length !== signatureLength(entry))
      throw new HalError('INVALID_SIGNATURE', 'length');
    const data = digest === undefined ? input : toBeSigned(entry, digest);
    await session.fleet.verify(session.connection, entry, mechanism, NO_PARAMETER, data, signature);
    return {};
  },
};

interface FinishedDigest {
  readonly algorithm: number;
  readonly digest: Uint8Array;
}

/** Either a running digest or ready input. */
function checkInput(hash: number, input: Uint8Array): void {
  if ((hash === 0) === (input.length === 0)) throw new HalError('BAD_ARGUMENTS', 'either a hash handle or input');
}

/** The digest ends even if a later check fails. A key that cannot be used leaves it as it is. */
function finishDigest({ digests }: VendorSession, hash: number): FinishedDigest | undefined {
  return hash === 0 ? undefined : digests.finish(hash);
}

function toBeSigned(entry: KeyEntry, { algorithm, digest }: FinishedDigest): Uint8Array {
  return isRsa(entry) ? digestInfo(algorithm, digest) : digest;
}

function mechanismOf({ settings }: VendorSession, entry: KeyEntry, types: readonly KeyType[]): number {
  if (!types.includes(entry.type)) throw new HalError('UNSUPPORTED_KEY');
  if (isRsa(entry)) return CKM_RSA_PKCS;
  if (isHashsig(entry)) return CKM_HSS;
  return settings.strictVendor ? CKM_ECDSA_WHOLE_DIGEST : CKM_ECDSA;
}

function checkUsage(entry: KeyEntry): void {
  if ((entry.flags & KeyFlags.DIGITALSIGNATURE) === 0) throw new HalError('FORBIDDEN', 'usage');
}

function isRsa({ type }: KeyEntry): boolean {
  return type === KeyType.RSA_PRIVATE || type === KeyType.RSA_PUBLIC;
}

function isHashsig({ type }: KeyEntry): boolean {
  return type === KeyType.HASHSIG_PRIVATE || type === KeyType.HASHSIG_PUBLIC;
}

/** The bits of a hash-based key are those of its signatures. */
function signatureLength(entry: KeyEntry): number {
  return EC_SIGNATURE.get(entry.curve) ?? Math.ceil(entry.bits / 8);
}
