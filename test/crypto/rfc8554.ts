/**
 * A verifier of its own for hash-based signatures: the algorithms 4b, 6a and 6.3 of RFC 8554 word for word, on bytes and with
 * one hash after the other. Nothing of it comes from the product.
 */

import { createHash } from 'node:crypto';

type Bytes = Uint8Array;

/** Tables 1 and 2. */
const LMOTS: Readonly<Record<number, { w: number; p: number; ls: number }>> = {
  1: { w: 1, p: 265, ls: 7 },
  2: { w: 2, p: 133, ls: 6 },
  3: { w: 4, p: 67, ls: 4 },
  4: { w: 8, p: 34, ls: 0 },
};
const LMS: Readonly<Record<number, { h: number }>> = {
  5: { h: 5 },
  6: { h: 10 },
  7: { h: 15 },
  8: { h: 20 },
  9: { h: 25 },
};
const N = 32;

const [D_PBLC, D_MESG, D_LEAF, D_INTR] = [0x8080, 0x8181, 0x8282, 0x8383] as const;

function H(...parts: Bytes[]): Bytes {
  const state = createHash('sha256');
  for (const part of parts) state.update(part);
  return state.digest();
}

const u8str = (value: number) => Uint8Array.of(value);
const u16str = (value: number) => Uint8Array.of(value >> 8, value & 0xff);
const u32str = (value: number) =>
  Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
const strTou32 = (bytes: Bytes) => Buffer.from(bytes).readUInt32BE(0);

/** Section 3.1.3. */
function coef(S: Bytes, i: number, w: number): number {
  const byte = S[Math.floor((i * w) / 8)] as number;
  return (2 ** w - 1) & (byte >> (8 - (w * (i % (8 / w)) + w)));
}

/** Algorithm 2. */
function Cksm(S: Bytes, w: number, ls: number): Bytes {
  let sum = 0;
  for (let i = 0; i < (N * 8) / w; i++) sum = sum + (2 ** w - 1) - coef(S, i, w);
  return u16str((sum << ls) & 0xffff);
}

/** Algorithm 4b: the public key candidate Kc, `undefined` for INVALID. */
function Kc(message: Bytes, signature: Bytes, pubtype: number, I: Bytes, q: number): Bytes | undefined {
  if (signature.length < 4 || strTou32(signature) !== pubtype) return undefined;
  const set = LMOTS[pubtype];
  if (set === undefined || signature.length !== 4 + N * (set.p + 1)) return undefined;
  const { w, p, ls } = set;
  const C = signature.subarray(4, 4 + N);
  const Q = H(I, u32str(q), u16str(D_MESG), C, message);
  const digits = Buffer.concat([Q, Cksm(Q, w, ls)]);
  const z: Bytes[] = [];
  for (let i = 0; i < p; i++) {
    let tmp: Bytes = signature.subarray(4 + N * (i + 1), 4 + N * (i + 2));
    for (let j = coef(digits, i, w); j < 2 ** w - 1; j++) tmp = H(I, u32str(q), u16str(i), u8str(j), tmp);
    z.push(tmp);
  }
  return H(I, u32str(q), u16str(D_PBLC), ...z);
}

/** Algorithms 6 and 6a. */
function lmsValid(message: Bytes, publicKey: Bytes, signature: Bytes): boolean {
  if (publicKey.length !== 24 + N || signature.length < 8) return false;
  const [pubtype, otstype] = [strTou32(publicKey), strTou32(publicKey.subarray(4))];
  const I = publicKey.subarray(8, 24);
  const T1 = publicKey.subarray(24);
  const [ots, lms] = [LMOTS[otstype], LMS[pubtype]];
  if (ots === undefined || lms === undefined) return false;
  const { h } = lms;
  const q = strTou32(signature);
  const end = 8 + N * (ots.p + 1);
  if (signature.length !== end + 4 + N * h || strTou32(signature.subarray(end)) !== pubtype || q >= 2 ** h)
    return false;
  const candidate = Kc(message, signature.subarray(4, end), otstype, I, q);
  if (candidate === undefined) return false;
  let node = 2 ** h + q;
  let tmp = H(I, u32str(node), u16str(D_LEAF), candidate);
  for (let i = 0; node > 1; i++) {
    const path = signature.subarray(end + 4 + N * i, end + 4 + N * (i + 1));
    const parent = Math.floor(node / 2);
    tmp =
      node % 2 === 1
        ? H(I, u32str(parent), u16str(D_INTR), path, tmp)
        : H(I, u32str(parent), u16str(D_INTR), tmp, path);
    node = parent;
  }
  return Buffer.compare(tmp, T1) === 0;
}

/** One level of a signature: which leaf of which tree signed what. */
export interface Level {
  /** I of the tree as hex. */
  readonly identifier: string;
  readonly q: number;
  readonly message: Bytes;
}

/**
 * Section 6.3: the levels of a valid signature from the root down, `undefined` for INVALID.
 * @param publicKey u32str(L) || pub[0]
 */
export function hssLevels(publicKey: Bytes, message: Bytes, signature: Bytes): Level[] | undefined {
  const Nspk = strTou32(signature);
  if (Nspk + 1 !== strTou32(publicKey)) return undefined;
  const levels: Level[] = [];
  let key = publicKey.subarray(4);
  let rest = signature.subarray(4);
  for (let i = 0; i <= Nspk; i++) {
    const [ots, lms] = [LMOTS[strTou32(key.subarray(4))], LMS[strTou32(key)]];
    if (ots === undefined || lms === undefined) return undefined;
    const size = i === Nspk ? rest.length : 12 + N * (ots.p + 1 + lms.h);
    const signed = i === Nspk ? message : rest.subarray(size, size + 24 + N);
    if (!lmsValid(signed, key, rest.subarray(0, size))) return undefined;
    levels.push({ identifier: key.subarray(8, 24).toHex(), q: strTou32(rest), message: signed });
    rest = rest.subarray(size + 24 + N);
    key = signed;
  }
  return levels;
}

/** The public key of RFC 8554 in the 85 bytes of a CrypTech device: L, types, I and T1 have fixed places in it. */
export function publicKeyOfSpki(spki: Bytes): Bytes {
  const number = (offset: number) => u32str(spki[offset] as number);
  return Buffer.concat([number(26), number(29), number(32), spki.subarray(35, 51), spki.subarray(53, 85)]);
}
