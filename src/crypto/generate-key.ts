/** Key generation by OpenSSL's generators, on the thread pool. */

import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { type Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { curveParameters, type CurveParameters } from './curves.ts';
import { Gate } from './gate.ts';
import { native } from './native.ts';
import { readPrivateKey, validatePrivateKey, writeRsaKey } from './private-key.ts';
import { wipe } from './process-hardening.ts';
import { RSA_MAX_BITS, RSA_MIN_BITS } from './public-key.ts';
import { type SignatureScheme, SigningKey } from './signing-key.ts';

export interface GeneratedKey {
  /** Stored form of a private key. Secret: wipe it after use. */
  readonly pkcs8: Uint8Array;
  readonly spki: Uint8Array;
}

const PUBLIC_EXPONENT = 65537;

/** From here on OpenSSL takes the private exponent modulo lcm(p-1, q-1) by itself (FIPS 186-5 appendix A.1.1). */
const LCM_BITS = 2048;

/** RSA-8192 takes a thread for up to a minute: one at a time, so that signing goes on. */
const rsaGate = new Gate(1);

const generate = promisify(generateKeyPair) as (
  type: string,
  options: object,
) => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>;

/**
 * Generates a key and checks it by a signature.
 * @param type RSA_PRIVATE, EC_PRIVATE or ED_PRIVATE
 * @param curve for EC and Edwards keys, else ignored
 * @param bits size of the RSA modulus, a multiple of 8 from 1024 to 8192, else ignored
 * @throws HalError BAD_ARGUMENTS, UNSUPPORTED_KEY
 */
export async function generateKey(type: KeyType, curve: Curve, bits: number): Promise<GeneratedKey> {
  switch (type) {
    case KeyType.RSA_PRIVATE:
      return generateRsaKey(bits);
    case KeyType.EC_PRIVATE:
    case KeyType.ED_PRIVATE: {
      const parameters = curveParameters(curve);
      if (!parameters) throw new HalError('BAD_ARGUMENTS', `curve ${curve}`);
      if (parameters.edwards !== (type === KeyType.ED_PRIVATE))
        throw new HalError('UNSUPPORTED_KEY', 'curve of the type');
      return generateCurveKey(parameters);
    }
    default:
      throw new HalError('UNSUPPORTED_KEY', `key type ${type}`);
  }
}

async function generateRsaKey(bits: number): Promise<GeneratedKey> {
  if (bits === 0 || bits % 8 !== 0) throw new HalError('BAD_ARGUMENTS', 'size of the RSA modulus');
  if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) throw new HalError('UNSUPPORTED_KEY', `RSA of ${bits} bits`);
  const options = { modulusLength: bits, publicExponent: PUBLIC_EXPONENT };
  const { privateKey } = await rsaGate.run(() => generate('rsa', options));
  const exported = exportKey(privateKey);
  return finish(bits < LCM_BITS ? withSmallestExponent(exported) : exported, 'rsa-pkcs1');
}

async function generateCurveKey({ edwards, nodeName }: CurveParameters): Promise<GeneratedKey> {
  const { privateKey } = await (edwards ? generate(nodeName, {}) : generate('ec', { namedCurve: nodeName }));
  return finish(exportKey(privateKey), edwards ? 'eddsa' : 'ecdsa');
}

function exportKey(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'pkcs8' });
}

function withSmallestExponent(pkcs8: Uint8Array): Uint8Array {
  const fields = readPrivateKey(pkcs8);
  const exponent = native.rsaPrivateExponent(pkcs8);
  if (!fields.rsa || !exponent) throw new HalError('ASSERTION_FAILED', 'private exponent');
  const result = writeRsaKey(fields.numbers.with(2, exponent));
  wipe(exponent);
  wipe(pkcs8);
  return result;
}

/** Normalises the key and makes it prove itself (FIPS 140-3 pairwise consistency test). */
async function finish(exported: Uint8Array, scheme: SignatureScheme): Promise<GeneratedKey> {
  const { pkcs8, spki } = validatePrivateKey(exported);
  wipe(exported);
  const probe = Buffer.alloc(32, 0x5a);
  const privateKey = SigningKey.fromPkcs8(pkcs8);
  const signature = await privateKey.sign(scheme, probe);
  privateKey.destroy();
  if (!SigningKey.fromSpki(spki).verify(scheme, probe, signature)) {
    throw new HalError('ASSERTION_FAILED', 'a generated key does not sign correctly');
  }
  return { pkcs8, spki };
}
