/** A 2048 bit RSA key and a small one for tests, and node's own view of the first. */

import { createPrivateKey, createPublicKey } from 'node:crypto';

import { HASHES, type HashName } from '#src/crypto/hashes.ts';
import { KNOWN_RSA_KEY } from '#src/crypto/known-rsa.ts';
import { validatePrivateKey } from '#src/crypto/private-key.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';

import * as vendor from './vendor-vectors.ts';

export const { spki } = validatePrivateKey(KNOWN_RSA_KEY);

export const privateKey = SigningKey.fromPkcs8(KNOWN_RSA_KEY);
export const publicKey = SigningKey.fromSpki(spki);
export const small = SigningKey.fromPkcs8(vendor.KEKEK);
export const judgePrivate = createPrivateKey({ key: KNOWN_RSA_KEY, format: 'der', type: 'pkcs8' });
export const judge = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });

/** Hashes with a length of their own. */
export const FIXED = (Object.keys(HASHES) as HashName[]).filter((hash) => !hash.startsWith('shake'));
