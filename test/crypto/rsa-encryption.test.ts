import assert from 'node:assert/strict';
import { constants, createHash, createHmac, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { HASHES } from '#src/crypto/hashes.ts';
import { KNOWN_OAEP_CIPHERTEXT, KNOWN_PKCS1_CIPHERTEXT, KNOWN_RSA_KEY } from '#src/crypto/known-rsa.ts';
import { readPrivateKey } from '#src/crypto/private-key.ts';
import { unwrapRsaAes, wrapRsaAes } from '#src/crypto/rsa-aes-wrap.ts';
import {
  decryptRsaOaep,
  decryptRsaPkcs1,
  decryptRsaRaw,
  encryptRsaOaep,
  encryptRsaPkcs1,
  encryptRsaRaw,
} from '#src/crypto/rsa-encryption.ts';

import { hex, rejectsAs, sameBytes } from './expect.ts';
import { FIXED, judge, judgePrivate, privateKey, publicKey, small } from './rsa-keys.ts';

const NONE = Buffer.alloc(0);

/** Wycheproof rsa_oaep_2048_sha256_mgf1sha1: message, label, ciphertext. */
const OAEP: readonly [string, string, Buffer][] = [
  ['54657374', '', KNOWN_OAEP_CIPHERTEXT],
  [
    '313233343030',
    '0000000000000000',
    hex(
      '338514dc5a9ce8f20a5040f26a830018314c569249d540e2dec247f4ae925f6cda2d7a535e4e20e5348bf14f6c87861b37fbe4901758dd38da7cc7cc050edd1e' +
        '208acaf6ab2d332a6482c4e5af4cd4c4f1f9950610ff56ef910b2831e3f23b2b6d3325e8a9f4fc50e0057a50af5db51ec2a1f78d0465e5f54053113df300584f' +
        '458a1ebf6e5b1358f2454cef3b3e4aec9bcdfdcdf5d88206bed1e9a4e7c7c8dc5f087d66103bcd28e94c2c233eac1706261aa6aa67f044bb06532954d91653ae' +
        'dcd58e8231a81c52aea96bb4ad1adc5e3c2183ea99247a4af8011b415d618c67c94f0b276bdafcddc8b646182989c1db26da677bfba285c0ab76c82b80a638a2',
    ),
  ],
];

test('OAEP ciphertexts of Wycheproof are decrypted, with the right label alone', async () => {
  for (const [message, label, ciphertext] of OAEP) {
    const oaep = { hash: 'sha256', mgf: 'sha1', label: hex(label) } as const;
    sameBytes(await decryptRsaOaep(privateKey, oaep, ciphertext), hex(message));
    for (const other of [{ label: hex(`${label}01`) }, { mgf: 'sha256' as const }, { hash: 'sha1' as const }]) {
      await rejectsAs('encrypted-data', async () => decryptRsaOaep(privateKey, { ...oaep, ...other }, ciphertext));
    }
  }
});

test('OAEP works with every hash and MGF hash, both ways with node:crypto', async () => {
  for (const hash of FIXED) {
    const room = 256 - 2 * HASHES[hash].size - 2;
    for (const length of [0, 1, room]) {
      const data = randomBytes(length);
      const label = randomBytes(length % 7);
      const options = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash, oaepLabel: label };
      const ciphertext = await encryptRsaOaep(publicKey, { hash, mgf: hash, label }, data);
      sameBytes(privateDecrypt({ key: judgePrivate, ...options }, ciphertext), data);
      const theirs = publicEncrypt({ key: judge, ...options }, data);
      sameBytes(await decryptRsaOaep(privateKey, { hash, mgf: hash, label }, theirs), data);
    }
    for (const mgf of ['sha1', 'sha3-512'] as const) {
      const oaep = { hash, mgf, label: NONE };
      sameBytes(
        await decryptRsaOaep(privateKey, oaep, await encryptRsaOaep(privateKey, oaep, hex('0102'))),
        hex('0102'),
      );
    }
    const oaep = { hash, mgf: hash, label: NONE };
    await rejectsAs('data-length', async () => encryptRsaOaep(publicKey, oaep, Buffer.alloc(room + 1)));
  }
  const large = { hash: 'sha512', mgf: 'sha512', label: NONE } as const;
  await rejectsAs('key-size', async () => encryptRsaOaep(small, large, NONE));
  await rejectsAs('parameter', async () => encryptRsaOaep(publicKey, { ...large, hash: 'shake256' }, NONE));
});

test('whatever is wrong inside an OAEP ciphertext is one and the same refusal', async () => {
  const oaep = { hash: 'sha1', mgf: 'sha1', label: NONE } as const;
  const texts = new Set<string>();
  const wrong: Buffer[] = [
    Buffer.alloc(256),
    Buffer.alloc(256, 0xff),
    Buffer.concat([Buffer.alloc(255), Buffer.of(1)]),
  ];
  // The first byte not zero, which Manger's attack asks for, and random bytes with it zero.
  for (const first of [0, 1, 0x40]) {
    wrong.push(Buffer.from(await encryptRsaRaw(publicKey, Buffer.concat([Buffer.of(first), randomBytes(255)]))));
  }
  const good = Buffer.from(await encryptRsaOaep(publicKey, oaep, hex('01')));
  for (let at = 1; at < 256; at += 50) {
    const changed = Buffer.from(good);
    changed[at] = (changed[at] as number) ^ 4;
    wrong.push(changed);
  }
  for (const ciphertext of wrong) {
    await rejectsAs('encrypted-data', async () => decryptRsaOaep(privateKey, oaep, ciphertext));
    texts.add(await decryptRsaOaep(privateKey, oaep, ciphertext).then(String, String));
  }
  assert.equal(texts.size, 1);
  for (const length of [0, 255, 257]) {
    await rejectsAs('encrypted-data-length', async () => decryptRsaOaep(privateKey, oaep, Buffer.alloc(length)));
  }
});

test('PKCS#1 v1.5 takes 0 to 245 bytes, both ways with node:crypto', async () => {
  sameBytes(await decryptRsaPkcs1(privateKey, KNOWN_PKCS1_CIPHERTEXT), Buffer.from('abc'));
  for (const length of [0, 1, 100, 245]) {
    const data = randomBytes(length);
    const key = { key: judge, padding: constants.RSA_PKCS1_PADDING };
    sameBytes(await decryptRsaPkcs1(privateKey, publicEncrypt(key, data)), data);
    const ciphertext = await encryptRsaPkcs1(publicKey, data);
    const raw = privateDecrypt({ key: judgePrivate, padding: constants.RSA_NO_PADDING }, ciphertext);
    assert.deepEqual([raw[0], raw[1]], [0, 2]);
    sameBytes(raw.subarray(256 - length), data);
  }
  await rejectsAs('data-length', async () => encryptRsaPkcs1(publicKey, Buffer.alloc(246)));
  await rejectsAs('encrypted-data-length', async () => decryptRsaPkcs1(privateKey, Buffer.alloc(255)));
  await rejectsAs('key-type', async () => decryptRsaPkcs1(publicKey, KNOWN_PKCS1_CIPHERTEXT));
});

test('wrong PKCS#1 v1.5 padding gives no error, but bytes that depend on key and ciphertext alone', async () => {
  const filled = (start: string, rest: number): Buffer =>
    Buffer.concat([hex(start), Buffer.alloc(256 - start.length / 2, rest)]);
  const wrong = [
    // Another block type, no separator, fewer than eight bytes of padding, a first byte that is not zero.
    filled('0001', 0xff),
    filled('0002', 0x11),
    Buffer.concat([hex('0002111111111111110001'), Buffer.alloc(245, 1)]),
    filled('0102', 0x11),
    filled('00', 0),
  ];
  const lengths = new Set<number>();
  for (const block of wrong) {
    block[255] = (block[255] as number) | 1;
    const ciphertext = await encryptRsaRaw(publicKey, block);
    const found = await decryptRsaPkcs1(privateKey, ciphertext);
    sameBytes(await decryptRsaPkcs1(privateKey, ciphertext), found);
    assert.ok(found.length <= 245);
    assert.ok(found.length < 8 || !block.includes(Buffer.from(found)), 'nothing of the block comes out');
    lengths.add(found.length);
  }
  assert.ok(lengths.size > 1, 'the length is pseudo-random too');
  const many = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const ciphertext = await encryptRsaRaw(publicKey, Buffer.concat([Buffer.of(1), randomBytes(254)]));
      return Buffer.from(await decryptRsaPkcs1(privateKey, ciphertext)).toString('hex');
    }),
  );
  assert.ok(new Set(many).size > 35);
});

/** The alternative plaintext of draft-irtf-cfrg-rsa-guidance, written down step by step. */
function implicitRejection(ciphertext: Uint8Array): Buffer {
  const fields = readPrivateKey(KNOWN_RSA_KEY);
  assert.ok(fields.kind === 'rsa');
  const size = ciphertext.length;
  const exponent = Buffer.concat([Buffer.alloc(size), fields.numbers[2] as Uint8Array]).subarray(-size);
  const mac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac('sha256', key).update(data).digest();
  const key = mac(createHash('sha256').update(exponent).digest(), ciphertext);
  const number = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
  const expand = (label: string, length: number): Buffer => {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
      mac(key, Buffer.concat([number(index), Buffer.from(label), number(8 * length)])),
    );
    return Buffer.concat(blocks).subarray(0, length);
  };
  const most = size - 10;
  const mask = 2 ** (32 - Math.clz32(most)) - 1;
  const lengths = expand('length', 256);
  let chosen = 0;
  for (let at = 0; at < 256; at += 2) {
    const candidate = lengths.readUInt16BE(at) & mask;
    if (candidate < most) chosen = candidate;
  }
  return expand('message', size).subarray(size - chosen);
}

test('the bytes after wrong padding are those of the published method', async () => {
  for (let round = 0; round < 20; round++) {
    const ciphertext = await encryptRsaRaw(publicKey, Buffer.concat([Buffer.of(round % 2), randomBytes(254)]));
    sameBytes(await decryptRsaPkcs1(privateKey, ciphertext), implicitRejection(ciphertext));
  }
});

test('the bare operation is its own inverse', async () => {
  const data = Buffer.concat([Buffer.of(0), randomBytes(255)]);
  sameBytes(await decryptRsaRaw(privateKey, await encryptRsaRaw(publicKey, data)), data);
  sameBytes(
    await encryptRsaRaw(publicKey, hex('05')),
    publicEncrypt({ key: judge, padding: constants.RSA_NO_PADDING }, Buffer.concat([Buffer.alloc(255), hex('05')])),
  );
  await rejectsAs('data', async () => encryptRsaRaw(publicKey, Buffer.alloc(256, 0xff)));
  await rejectsAs('data-length', async () => encryptRsaRaw(publicKey, Buffer.alloc(257)));
  await rejectsAs('encrypted-data', async () => decryptRsaRaw(privateKey, Buffer.alloc(256, 0xff)));
  await rejectsAs('encrypted-data-length', async () => decryptRsaRaw(privateKey, Buffer.alloc(255)));
});

test('RSA-AES wrap is an OAEP ciphertext and an RFC 5649 wrap behind it', async () => {
  const oaep = { hash: 'sha256', mgf: 'sha1', label: Buffer.from('label') } as const;
  for (const aesBits of [128, 192, 256]) {
    for (const length of [1, 16, 1300]) {
      const plain = randomBytes(length);
      const wrapped = await wrapRsaAes(publicKey, { aesBits, oaep }, plain);
      assert.equal(wrapped.length, 256 + 8 + 8 * Math.ceil(length / 8));
      assert.equal((await decryptRsaOaep(privateKey, oaep, wrapped.subarray(0, 256))).length, aesBits / 8);
      sameBytes(await unwrapRsaAes(privateKey, { aesBits, oaep }, wrapped), plain);
      const other = aesBits === 128 ? 256 : 128;
      await rejectsAs('wrapped-key', async () => unwrapRsaAes(privateKey, { aesBits: other, oaep }, wrapped));
      for (const at of [20, 255, 256, wrapped.length - 1]) {
        const changed = Buffer.from(wrapped);
        changed[at] = (changed[at] as number) ^ 1;
        await rejectsAs('wrapped-key', async () => unwrapRsaAes(privateKey, { aesBits, oaep }, changed));
      }
    }
  }
  const good = { aesBits: 256, oaep };
  for (const length of [0, 256, 271]) {
    await rejectsAs('wrapped-key-length', async () => unwrapRsaAes(privateKey, good, Buffer.alloc(length)));
  }
  for (const aesBits of [0, 64, 255])
    await rejectsAs('parameter', async () => wrapRsaAes(publicKey, { aesBits, oaep }, hex('01')));
  await rejectsAs('data-length', async () => wrapRsaAes(publicKey, good, NONE));
});
