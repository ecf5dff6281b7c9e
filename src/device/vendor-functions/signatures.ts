/** PKEY_SIGN and PKEY_VERIFY: over a given input, or over a digest that runs on the device. */

import { CKM } from '#src/cryptoki/constants.ts';
import { DerWriter } from '#src/crypto/der.ts';
import { wholeDigest } from '#src/crypto/whole-digest.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { checkSignatureFlag } from '../access.ts';
import { type Device } from '../device.ts';
import { type DeviceKey, isHashsig } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { finishDigest } from './hashing.ts';
import { keyBehind } from './key-handles.ts';
import { checkReplySize, opaqueSize } from './reply-size.ts';

const SIGNING_TYPES: readonly KeyType[] = [KeyType.RSA_PRIVATE, KeyType.EC_PRIVATE, KeyType.HASHSIG_PRIVATE];
const VERIFYING_TYPES: readonly KeyType[] = [
  ...SIGNING_TYPES,
  KeyType.RSA_PUBLIC,
  KeyType.EC_PUBLIC,
  KeyType.HASHSIG_PUBLIC,
];

export const signatures: Handlers<'PKEY_SIGN' | 'PKEY_VERIFY'> = {
  async PKEY_SIGN(device, connection, { pkey, hash, input, sigMax }) {
    if (sigMax === 0) throw new HalError('BAD_ARGUMENTS');
    checkSource(hash, input);
    checkReplySize(opaqueSize(sigMax));
    const key = keyBehind(device, connection, pkey);
    if (!SIGNING_TYPES.includes(key.type)) throw new HalError('UNSUPPORTED_KEY', 'the key cannot sign');
    checkSignatureFlag(key.flags);
    device.access.checkUse(connection, key);
    const data = toBeSigned(device, connection, key, hash, input);
    if (isHashsig(key)) {
      // Before a one-time key is used up for nothing.
      if (key.bits / 8 > sigMax) throw new HalError('RESULT_TOO_LONG');
      return { signature: await device.hashsig.sign(key, data) };
    }
    const loaded = await device.keys.load(connection, key.uuid);
    const { signingKey } = loaded;
    if (signingKey.signatureLength > sigMax) throw new HalError('RESULT_TOO_LONG');
    device.policy.permit(connection, loaded, 'sign', mechanismOf(key));
    const signature = await signingKey.sign(schemeOf(key), data);
    device.policy.count(loaded, 'sign');
    return { signature };
  },

  async PKEY_VERIFY(device, connection, { pkey, hash, input, signature }) {
    if (signature.length === 0) throw new HalError('BAD_ARGUMENTS');
    checkSource(hash, input);
    const key = keyBehind(device, connection, pkey);
    if (!VERIFYING_TYPES.includes(key.type)) throw new HalError('UNSUPPORTED_KEY', 'the key cannot verify');
    checkSignatureFlag(key.flags);
    const data = toBeSigned(device, connection, key, hash, input);
    if (isHashsig(key)) {
      if (!(await device.hashsig.verify(key, data, signature))) throw new HalError('INVALID_SIGNATURE');
      return {};
    }
    const loaded = await device.keys.load(connection, key.uuid);
    device.policy.permit(connection, loaded, 'verify', mechanismOf(key));
    const { signingKey } = loaded;
    if (!signingKey.verify(schemeOf(key), data, signature)) throw new HalError('INVALID_SIGNATURE');
    return {};
  },
};

/** Either a digest handle or an input. */
function checkSource(hash: number, input: Uint8Array): void {
  if ((hash === 0) === (input.length === 0)) throw new HalError('BAD_ARGUMENTS', 'either a digest or an input');
}

/** The input, or what is signed for a running digest: for RSA the DigestInfo (RFC 8017 section 9.2), else the digest. */
function toBeSigned(device: Device, connection: number, key: DeviceKey, hash: number, input: Uint8Array): Uint8Array {
  const digest = hash === 0 ? undefined : finishDigest(device, connection, hash);
  if (schemeOf(key) === 'rsa-pkcs1') {
    return digest ? DerWriter.sequence(digest.algorithmId, DerWriter.octetString(digest.value)) : input;
  }
  const value = digest?.value ?? input;
  return device.strictVendor && !isHashsig(key) ? wholeDigest(key.curve, value) : value;
}

function mechanismOf(key: DeviceKey): number {
  return schemeOf(key) === 'rsa-pkcs1' ? CKM.RSA_PKCS : CKM.ECDSA;
}

function schemeOf({ type }: DeviceKey): 'rsa-pkcs1' | 'ecdsa' {
  return type === KeyType.RSA_PRIVATE || type === KeyType.RSA_PUBLIC ? 'rsa-pkcs1' : 'ecdsa';
}
