/** Digest algorithms (libhal `hash.c`) and the running digests of a connection; the appliance computes them itself. */

import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { DigestAlgorithm } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

interface AlgorithmFacts {
  /** Name in node:crypto. */
  readonly name: string;
  readonly length: number;
  /** DER AlgorithmIdentifier with NULL parameters (RFC 8017, appendix B.1). */
  readonly id: Uint8Array;
}

const facts = (name: string, length: number, id: string): AlgorithmFacts => ({
  name,
  length,
  id: Uint8Array.fromHex(id),
});

const ALGORITHMS: ReadonlyMap<number, AlgorithmFacts> = new Map([
  [DigestAlgorithm.SHA1, facts('sha1', 20, '300906052b0e03021a0500')],
  [DigestAlgorithm.SHA224, facts('sha224', 28, '300d06096086480165030402040500')],
  [DigestAlgorithm.SHA256, facts('sha256', 32, '300d06096086480165030402010500')],
  [DigestAlgorithm.SHA512_224, facts('sha512-224', 28, '300d06096086480165030402050500')],
  [DigestAlgorithm.SHA512_256, facts('sha512-256', 32, '300d06096086480165030402060500')],
  [DigestAlgorithm.SHA384, facts('sha384', 48, '300d06096086480165030402020500')],
  [DigestAlgorithm.SHA512, facts('sha512', 64, '300d06096086480165030402030500')],
]);

/** Digests of one connection; a CrypTech device has 32 and 16 for HMAC in all. */
const MAX_DIGESTS = 1024;
/** Marks HMAC handles (libhal `hash.c`). */
const HMAC_FLAG = 0x8000_0000;
const COUNTER_MASK = 0x7fff_ffff;

/** @throws HalError BAD_ARGUMENTS for an unknown algorithm */
export function digestAlgorithm(algorithm: number): AlgorithmFacts {
  const found = ALGORITHMS.get(algorithm);
  if (!found) throw new HalError('BAD_ARGUMENTS', `digest algorithm ${algorithm}`);
  return found;
}

/** DigestInfo (RFC 8017, 9.2): what PKCS#1 v1.5 signs. */
export function digestInfo(algorithm: number, digest: Uint8Array): Uint8Array {
  const { id } = digestAlgorithm(algorithm);
  const OCTET_STRING = 0x04;
  const SEQUENCE = 0x30;
  return Uint8Array.of(SEQUENCE, id.length + 2 + digest.length, ...id, OCTET_STRING, digest.length, ...digest);
}

interface Running {
  readonly algorithm: number;
  readonly state: Hash | Hmac;
}

export class Digests {
  readonly #running = new Map<number, Running>();
  #counter = 0;

  /** @throws HalError BAD_ARGUMENTS, ALLOCATION_FAILURE if too many digests run */
  start(algorithm: number, key: Uint8Array): number {
    const { name } = digestAlgorithm(algorithm);
    if (this.#running.size >= MAX_DIGESTS) throw new HalError('ALLOCATION_FAILURE', 'too many running digests');
    let handle: number;
    do {
      this.#counter = (this.#counter % COUNTER_MASK) + 1;
      handle = (this.#counter | (key.length > 0 ? HMAC_FLAG : 0)) >>> 0;
    } while (this.#running.has(handle));
    this.#running.set(handle, { algorithm, state: key.length > 0 ? createHmac(name, key) : createHash(name) });
    return handle;
  }

  /** @throws HalError BAD_ARGUMENTS for an unknown handle */
  algorithm(handle: number): number {
    return this.#get(handle).algorithm;
  }

  update(handle: number, data: Uint8Array): void {
    this.#get(handle).state.update(data);
  }

  /** Ends a digest: the handle is gone afterwards. */
  finish(handle: number): { algorithm: number; digest: Uint8Array } {
    const { algorithm, state } = this.#get(handle);
    this.#running.delete(handle);
    return { algorithm, digest: state.digest() };
  }

  clear(): void {
    this.#running.clear();
  }

  #get(handle: number): Running {
    const running = this.#running.get(handle);
    if (!running) throw new HalError('BAD_ARGUMENTS', 'unknown hash handle');
    return running;
  }
}
