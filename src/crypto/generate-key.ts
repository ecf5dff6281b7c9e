/** Key generation by OpenSSL's generators, on the thread pool. Every pair is tried out before it is handed out. */

import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { type Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { curveParameters, type CurveParameters } from './curves.ts';
import { Gate } from './gate.ts';
import { EvpOperation, native } from './native.ts';
import { isPair } from './pairwise-check.ts';
import { postQuantumParameters, type PostQuantumParameters } from './post-quantum.ts';
import { PRIVATE_TYPES, readPrivateKey, validatePrivateKey, writeRsaKey } from './private-key.ts';
import { wipe } from './process-hardening.ts';
import { RSA_MAX_BITS, RSA_MIN_BITS } from './public-key.ts';
import { SigningKey } from './signing-key.ts';
import { slhDsaGate } from './slh-dsa.ts';

export interface GeneratedKey {
  /** Stored form of a private key. Secret: wipe it after use. */
  readonly pkcs8: Uint8Array;
  readonly spki: Uint8Array;
}

const PUBLIC_EXPONENT = 65537;

const NO_BYTES = new Uint8Array(0);

/** From here on OpenSSL takes the private exponent modulo lcm(p-1, q-1) by itself (FIPS 186-5 appendix A.1.1). */
const LCM_BITS = 2048;

/** RSA-8192 takes a thread for up to a minute: one at a time, so that signing goes on. */
const rsaGate = new Gate(1);

const generate = promisify(generateKeyPair) as (
  type: string,
  options: object,
) => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>;

const GENERATED_ON_CURVES: ReadonlySet<KeyType> = new Set([KeyType.EC_PRIVATE, KeyType.ED_PRIVATE, KeyType.X_PRIVATE]);

/**
 * Generates a key and lets it prove itself.
 * @param type of a private key
 * @param curve or parameter set; ignored for RSA
 * @param bits size of the RSA modulus, a multiple of 8 from 1024 to 8192, else ignored
 * @param exponent public exponent of RSA: odd, from 3 to 2^31
 * @throws HalError BAD_ARGUMENTS, UNSUPPORTED_KEY
 */
export async function generateKey(
  type: KeyType,
  curve: Curve,
  bits: number,
  exponent = PUBLIC_EXPONENT,
): Promise<GeneratedKey> {
  if (type === KeyType.RSA_PRIVATE) return generateRsaKey(bits, exponent);
  const parameters = curveParameters(curve);
  const postQuantum = postQuantumParameters(curve);
  if (postQuantum?.privateType === type) return generatePostQuantumKey(postQuantum);
  if (parameters && PRIVATE_TYPES[parameters.form] === type) return generateCurveKey(parameters);
  if (!parameters && GENERATED_ON_CURVES.has(type)) throw new HalError('BAD_ARGUMENTS', `curve ${curve}`);
  throw new HalError('UNSUPPORTED_KEY', `key type ${type} with curve ${curve}`);
}

async function generateRsaKey(bits: number, exponent: number): Promise<GeneratedKey> {
  if (bits === 0 || bits % 8 !== 0) throw new HalError('BAD_ARGUMENTS', 'size of the RSA modulus');
  if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) throw new HalError('UNSUPPORTED_KEY', `RSA of ${bits} bits`);
  if (!Number.isSafeInteger(exponent) || exponent < 3 || exponent % 2 === 0 || exponent >= 2 ** 31) {
    throw new HalError('UNSUPPORTED_KEY', 'public exponent');
  }
  const options = { modulusLength: bits, publicExponent: exponent };
  const { privateKey } = await rsaGate.run(() => generate('rsa', options));
  const exported = exportKey(privateKey);
  return finish(bits < LCM_BITS ? withSmallestExponent(exported) : exported);
}

async function generateCurveKey({ form, nodeName }: CurveParameters): Promise<GeneratedKey> {
  const { privateKey } = await (form === 'weierstrass'
    ? generate('ec', { namedCurve: nodeName })
    : generate(nodeName, {}));
  return finish(exportKey(privateKey));
}

async function generatePostQuantumKey({ algorithm, name }: PostQuantumParameters): Promise<GeneratedKey> {
  const make = async (): Promise<Uint8Array | undefined> =>
    native.evpOnPool(EvpOperation.GENERATE, name, [], NO_BYTES, NO_BYTES);
  const pkcs8 = await (algorithm === 'SLH-DSA' ? slhDsaGate.run(make) : make());
  if (!pkcs8) throw new HalError('ASSERTION_FAILED', `no ${name} key came about`);
  return finish(pkcs8);
}

function exportKey(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'pkcs8' });
}

function withSmallestExponent(pkcs8: Uint8Array): Uint8Array {
  const fields = readPrivateKey(pkcs8);
  const exponent = native.rsaPrivateExponent(pkcs8);
  if (fields.kind !== 'rsa' || !exponent) throw new HalError('ASSERTION_FAILED', 'private exponent');
  const result = writeRsaKey(fields.numbers.with(2, exponent));
  wipe(exponent);
  wipe(pkcs8);
  return result;
}

/** Normalises the key and makes it prove itself. */
async function finish(exported: Uint8Array): Promise<GeneratedKey> {
  const { pkcs8, spki } = validatePrivateKey(exported);
  wipe(exported);
  const privateKey = SigningKey.fromPkcs8(pkcs8);
  const publicKey = SigningKey.fromSpki(spki);
  const works = await isPair(privateKey, publicKey);
  privateKey.destroy();
  publicKey.destroy();
  if (!works) throw new HalError('ASSERTION_FAILED', 'the halves of a generated key do not work together');
  return { pkcs8, spki };
}
