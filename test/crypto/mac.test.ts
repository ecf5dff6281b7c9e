import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { HASHES, type HashName } from '#src/crypto/hashes.ts';
import { cmac, hmac, verifyCmac, verifyHmac } from '#src/crypto/mac.ts';

import { hex, rejectsAs, sameBytes } from './expect.ts';

/** RFC 2202 test case 1, RFC 4231 test cases 1 and 6, NIST's HMAC-SHA3 examples with a key of half a block. */
const SIX = Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First');
const HMACS: readonly [HashName, Buffer, Buffer, string][] = [
  ['sha1', Buffer.alloc(20, 0x0b), Buffer.from('Hi There'), 'b617318655057264e28bc0b6fb378c8ef146be00'],
  [
    'sha224',
    Buffer.alloc(20, 0x0b),
    Buffer.from('Hi There'),
    '896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22',
  ],
  [
    'sha256',
    Buffer.alloc(20, 0x0b),
    Buffer.from('Hi There'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  ],
  ['sha256', Buffer.alloc(131, 0xaa), SIX, '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'],
  [
    'sha384',
    Buffer.alloc(20, 0x0b),
    Buffer.from('Hi There'),
    'afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6',
  ],
  [
    'sha512',
    Buffer.alloc(20, 0x0b),
    Buffer.from('Hi There'),
    '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
  ],
  [
    'sha3-224',
    hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b'),
    Buffer.from('Sample message for keylen<blocklen'),
    '332cfd59347fdb8e576e77260be4aba2d6dc53117b3bfb52c6d18c04',
  ],
  [
    'sha3-256',
    hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'),
    Buffer.from('Sample message for keylen<blocklen'),
    '4fe8e202c4f058e8dddc23d8c34e467343e23555e24fc2f025d598f558f67205',
  ],
  [
    'sha3-384',
    hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f'),
    Buffer.from('Sample message for keylen<blocklen'),
    'd588a3c51f3f2d906e8298c1199aa8ff6296218127f6b38a90b6afe2c5617725bc99987f79b22a557b6520db710b7f42',
  ],
  [
    'sha3-512',
    hex(
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f',
    ),
    Buffer.from('Sample message for keylen<blocklen'),
    '4efd629d6c71bf86162658f29943b1c308ce27cdfa6db0d9c3ce81763f9cbce5f7ebe9868031db1a8f8eb7b6b95e5c5e3f657a8996c86a2f6527e307f0213196',
  ],
];

test('HMAC gives the values of RFC 2202, RFC 4231 and NIST', async () => {
  for (const [hash, key, data, expected] of HMACS) {
    sameBytes(await hmac(hash, key, data), hex(expected));
    sameBytes(await hmac(hash, key, data, 10), hex(expected).subarray(0, 10));
    assert.equal(await verifyHmac(hash, key, data, hex(expected)), true);
  }
});

test('HMAC takes any key and any length of data, on the thread pool too', async () => {
  for (const hash of Object.keys(HASHES) as HashName[]) {
    if (hash.startsWith('shake')) continue;
    for (const [keyLength, length] of [
      [0, 0],
      [1, 1],
      [HASHES[hash].blockSize, 300],
      [HASHES[hash].blockSize + 1, 4096],
      [500, 400_000],
    ] as const) {
      const key = randomBytes(keyLength);
      const data = randomBytes(length);
      sameBytes(await hmac(hash, key, data), createHmac(hash, key).update(data).digest());
    }
  }
});

/** RFC 4493 section 4, and SP 800-38B appendix D for the longer keys: AES key, bytes of the message, MAC. */
const MESSAGE = hex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
);
const CMACS: readonly [string, number, string][] = [
  ['2b7e151628aed2a6abf7158809cf4f3c', 0, 'bb1d6929e95937287fa37d129b756746'],
  ['2b7e151628aed2a6abf7158809cf4f3c', 16, '070a16b46b4d4144f79bdd9dd04a287c'],
  ['2b7e151628aed2a6abf7158809cf4f3c', 40, 'dfa66747de9ae63030ca32611497c827'],
  ['2b7e151628aed2a6abf7158809cf4f3c', 64, '51f0bebf7e3b9d92fc49741779363cfe'],
  ['8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b', 0, 'd17ddf46adaacde531cac483de7a9367'],
  ['8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b', 40, '8a1de5be2eb31aad089a82e6ee908b0e'],
  ['603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 16, '28a7023f452e8f82bd4bf28d8c37c35c'],
  ['603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 40, 'aaf3d8f1de5640c232f5b169b9c911e6'],
];

test('CMAC gives the values of RFC 4493 and SP 800-38B', async () => {
  for (const [key, length, expected] of CMACS) {
    sameBytes(await cmac(hex(key), MESSAGE.subarray(0, length)), hex(expected));
    sameBytes(await cmac(hex(key), MESSAGE.subarray(0, length), 7), hex(expected).subarray(0, 7));
    assert.equal(await verifyCmac(hex(key), MESSAGE.subarray(0, length), hex(expected)), true);
  }
});

test('a changed, cut or lengthened MAC is wrong', async () => {
  const key = randomBytes(16);
  const mac = await cmac(key, MESSAGE);
  const short = await hmac('sha256', key, MESSAGE, 8);
  for (let at = 0; at < mac.length; at++) {
    const changed = Buffer.from(mac);
    changed[at] = (changed[at] as number) ^ 1;
    assert.equal(await verifyCmac(key, MESSAGE, changed), false);
  }
  for (const other of [Buffer.alloc(0), mac.subarray(1), mac.subarray(0, 15), Buffer.concat([mac, Buffer.of(0)])]) {
    assert.equal(await verifyCmac(key, MESSAGE, other), false);
  }
  assert.equal(await verifyHmac('sha256', key, MESSAGE, short, 8), true);
  assert.equal(await verifyHmac('sha256', key, MESSAGE, short, 7), false);
  assert.equal(await verifyHmac('sha256', key, MESSAGE, short), false);
  assert.equal(await verifyHmac('sha256', key, MESSAGE.subarray(1), short, 8), false);
});

test('lengths that a MAC cannot have are refused', async () => {
  for (const length of [0, -1, 17, 1.5, Number.NaN]) {
    await rejectsAs('parameter', async () => cmac(Buffer.alloc(16), MESSAGE, length));
  }
  await rejectsAs('parameter', async () => hmac('sha1', Buffer.alloc(16), MESSAGE, 21));
  await rejectsAs('parameter', async () => hmac('shake128', Buffer.alloc(16), MESSAGE));
  await rejectsAs('key-size', async () => cmac(Buffer.alloc(15), MESSAGE));
});
