/** What is on a token, and whether its keys work: OpenSSL, by way of Node, is the judge. */

import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';

import { CKK } from '#src/cryptoki/constants.ts';
import { failure, runProgram } from '../../scripts/quickstart/run-program.ts';
import { buildProgram, MODULE } from '../pkcs11/programs.ts';
import { type Site } from './site.ts';

const TEXT = Buffer.from('inventory');

/**
 * Lists the token's keys in a fresh process and lets each private key sign. Every label must have exactly one private and
 * one public key, and these must fit.
 * @returns the labels
 */
export async function checkedInventory(site: Site): Promise<Set<string>> {
  const program = buildProgram('inventory', import.meta.dirname);
  const outcome = await runProgram(program, [MODULE], { env: { DIAMOND_HSM_CONFIG_PATH: site.folder } });
  if (outcome.status !== 0) throw failure('inventory', outcome);
  const signatures = new Map<string, Buffer>();
  const keys = new Map<string, KeyObject>();
  for (const line of outcome.stdout.split('\n').filter(Boolean)) {
    const [objectClass, label, ...values] = line.split(' ') as [string, string, ...string[]];
    if (objectClass === 'private') {
      assert.ok(!signatures.has(label), `two private keys ${label}`);
      signatures.set(label, Buffer.from(values[0] as string, 'hex'));
    } else {
      assert.ok(!keys.has(label), `two public keys ${label}`);
      keys.set(label, publicKey(Number(values[0]), values.slice(1)));
    }
  }
  assert.deepEqual([...signatures.keys()].sort(), [...keys.keys()].sort(), 'a key without its other half');
  for (const [label, signature] of signatures) {
    const key = keys.get(label) as KeyObject;
    const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
    assert.ok(verify(digest, TEXT, { key, dsaEncoding: 'ieee-p1363' }, signature), `the signature of ${label}`);
  }
  return new Set(signatures.keys());
}

function publicKey(type: number, values: readonly string[]): KeyObject {
  const [value, exponent] = values.map((hex) => Buffer.from(hex, 'hex')) as [Buffer, Buffer];
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const jwk = (key: Record<string, string>): KeyObject => createPublicKey({ key, format: 'jwk' });
  if (type === CKK.RSA) return jwk({ kty: 'RSA', n: text(value), e: text(exponent) });
  // CKA_EC_POINT is a DER OCTET STRING (PKCS#11 6.3.3); these points are shorter than 128 bytes.
  const point = value.subarray(2);
  assert.deepEqual([value[0], value[1]], [4, point.length]);
  if (type === CKK.EC_EDWARDS) return jwk({ kty: 'OKP', crv: 'Ed25519', x: text(point) });
  const size = (point.length - 1) / 2;
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  return jwk({ kty: 'EC', crv: size === 32 ? 'P-256' : 'P-384', x: text(x), y: text(y) });
}
