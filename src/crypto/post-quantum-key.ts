/**
 * Private keys of ML-DSA, SLH-DSA and ML-KEM: PKCS#8 as of RFC 9881, RFC 9909 and RFC 9935, and the raw values of PKCS#11 3.2.
 * The stored form is the one that OpenSSL writes by default: seed and expanded key if the seed is known, else the expanded key alone.
 */

import { type Curve, type KeyType } from '#src/wire/enumerations.ts';
import { Bug, HalError } from '#src/wire/status.ts';

import { contextTag, DerReader, DerWriter, Tag } from './der.ts';
import { readAlgorithm, writeAlgorithm } from './key-algorithm.ts';
import { EvpOperation, native, type NativeKey } from './native.ts';
import { type PostQuantumParameters, postQuantumParameters } from './post-quantum.ts';
import { wipe } from './process-hardening.ts';
import { parsePublicKey } from './public-key.ts';

/** The secret parts; at least one is there. */
export interface PostQuantumSecrets {
  /** CKA_SEED: 32 bytes of ML-DSA (FIPS 204 algorithm 1), 64 of ML-KEM (d and z of FIPS 203 algorithm 16). */
  readonly seed?: Uint8Array | undefined;
  /** CKA_VALUE: the private key of the standard. */
  readonly value?: Uint8Array | undefined;
}

interface ValidatedKey {
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  readonly pkcs8: Uint8Array;
  readonly spki: Uint8Array;
}

const SEED_TAG = contextTag(0, false);
const NO_BYTES = new Uint8Array(0);
const VERSION = new Uint8Array(1);

/** Reads what is inside the OCTET STRING of a PrivateKeyInfo; the results are views. */
export function readPostQuantumSecrets(parameters: PostQuantumParameters, content: Uint8Array): PostQuantumSecrets {
  if (parameters.seedSize === 0) return checkSecrets(parameters, { value: content });
  const outer = new DerReader(content);
  let secrets: PostQuantumSecrets;
  switch (outer.next) {
    case SEED_TAG:
      secrets = { seed: outer.element(SEED_TAG) };
      break;
    case Tag.OCTET_STRING:
      secrets = { value: outer.octetString() };
      break;
    default: {
      const both = outer.sequence();
      secrets = { seed: both.octetString(), value: both.octetString() };
      both.end();
    }
  }
  outer.end();
  return checkSecrets(parameters, secrets);
}

function checkSecrets(parameters: PostQuantumParameters, secrets: PostQuantumSecrets): PostQuantumSecrets {
  const { seed, value } = secrets;
  const wrong = (bytes: Uint8Array | undefined, size: number) =>
    bytes !== undefined && (size === 0 || bytes.length !== size);
  if ((!seed && !value) || wrong(seed, parameters.seedSize) || wrong(value, parameters.secretSize)) {
    throw new HalError('ASN1_PARSE_FAILED', `length of a private ${parameters.name} key`);
  }
  return secrets;
}

/**
 * PKCS#8 from the raw values, with no check but of lengths: hand it to `validatePrivateKey`. Secret: wipe it after use.
 * @throws HalError UNSUPPORTED_KEY, ASN1_PARSE_FAILED
 */
export function writePostQuantumPrivateKey(curve: Curve, secrets: PostQuantumSecrets): Uint8Array {
  const parameters = postQuantumParameters(curve);
  if (!parameters) throw new HalError('UNSUPPORTED_KEY', `parameter set ${curve}`);
  const { seed, value } = checkSecrets(parameters, secrets);
  const content = writeSecrets(parameters, seed, value);
  const pkcs8 = DerWriter.sequence(
    DerWriter.unsigned(VERSION),
    writeAlgorithm({ kind: 'post-quantum', parameters }),
    DerWriter.octetString(content),
  );
  wipe(content);
  return pkcs8;
}

function writeSecrets(
  parameters: PostQuantumParameters,
  seed: Uint8Array | undefined,
  value: Uint8Array | undefined,
): Uint8Array {
  if (seed && value) {
    const parts = [DerWriter.octetString(seed), DerWriter.octetString(value)];
    const content = DerWriter.sequence(...parts);
    for (const part of parts) wipe(part);
    return content;
  }
  if (seed) return DerWriter.element(SEED_TAG, seed);
  if (!value) throw new Bug('private key without secrets');
  return parameters.seedSize === 0 ? new Uint8Array(value) : DerWriter.octetString(value);
}

/** Raw values of a key in the stored form. Secret: wipe them after use. @throws HalError UNSUPPORTED_KEY, ASN1_PARSE_FAILED */
export function postQuantumSecrets(pkcs8: Uint8Array): PostQuantumSecrets {
  const outer = new DerReader(pkcs8);
  const info = outer.sequence();
  info.smallInteger();
  const algorithm = readAlgorithm(info.sequence());
  if (algorithm.kind !== 'post-quantum') throw new HalError('UNSUPPORTED_KEY', 'not a post-quantum key');
  const { seed, value } = readPostQuantumSecrets(algorithm.parameters, info.octetString());
  return { seed: seed && new Uint8Array(seed), value: value && new Uint8Array(value) };
}

/**
 * Lets OpenSSL read, expand and write a key. It recomputes what can be recomputed: an ML-DSA key from its seed, or its public key
 * from the private one; of ML-KEM the hash of the public key in the private one.
 */
export function validatePostQuantumKey(parameters: PostQuantumParameters, secrets: PostQuantumSecrets): ValidatedKey {
  const { curve, privateType, name } = parameters;
  const written = writePostQuantumPrivateKey(curve, secrets);
  const key = native.loadPrivateKey(written);
  wipe(written);
  if (!key) throw new HalError('ASN1_PARSE_FAILED', `the parts of the ${name} key do not fit together`);
  let found: PostQuantumSecrets | undefined;
  try {
    found = {
      seed: secrets.seed && readKey(EvpOperation.READ, key, 'seed'),
      value: readKey(EvpOperation.READ, key, 'priv'),
    };
    const pkcs8 = writePostQuantumPrivateKey(curve, found);
    const { bits, spki } = parsePublicKey(readKey(EvpOperation.PUBLIC_KEY, key, ''));
    return { type: privateType, curve, bits, pkcs8, spki };
  } finally {
    native.destroyKey(key);
    if (found?.seed) wipe(found.seed);
    if (found?.value) wipe(found.value);
  }
}

function readKey(operation: EvpOperation, key: NativeKey, name: string): Uint8Array {
  const bytes = native.evp(operation, key, [], Buffer.from(name), NO_BYTES);
  if (!bytes) throw new HalError('ASSERTION_FAILED', 'a key does not give its parts');
  return bytes;
}
