import assert from 'node:assert/strict';
import { hkdfSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { HASHES, type HashName } from '#src/crypto/hashes.ts';
import { hkdfExpand, hkdfExtract } from '#src/crypto/hkdf.ts';
import { x963Kdf } from '#src/crypto/key-agreement.ts';
import { pbkdf2, PBKDF2_MAX_ITERATIONS } from '#src/crypto/pbkdf2.ts';

import { hex, refuses, rejectsAs, sameBytes } from './expect.ts';

/** RFC 5869 appendix A, test cases 1, 3, 4 and 7: hash, secret, salt, info, pseudo-random key, output. */
const HKDF: readonly [HashName, string, string | undefined, string, string, string][] = [
  [
    'sha256',
    '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b',
    '000102030405060708090a0b0c',
    'f0f1f2f3f4f5f6f7f8f9',
    '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  ],
  [
    'sha256',
    '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b',
    '',
    '',
    '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04',
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  ],
  [
    'sha1',
    '0b0b0b0b0b0b0b0b0b0b0b',
    '000102030405060708090a0b0c',
    'f0f1f2f3f4f5f6f7f8f9',
    '9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243',
    '085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896',
  ],
  [
    'sha1',
    '0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c',
    undefined,
    '',
    '2adccada18779e7c2077ad2eb19d3f3e731385dd',
    '2c91117204d745f3500d636a62f64f0ab3bae548aa53d423b0d1f27ebba6f5e5673a081d70cce7acfc48',
  ],
];

test('HKDF gives the values of RFC 5869, step by step', async () => {
  for (const [hash, secret, salt, info, prk, output] of HKDF) {
    const extracted = await hkdfExtract(hash, salt === undefined ? undefined : hex(salt), hex(secret));
    sameBytes(extracted, hex(prk));
    sameBytes(await hkdfExpand(hash, extracted, hex(info), output.length / 2), hex(output));
  }
});

test('HKDF agrees with node:crypto for every hash up to the longest output', async () => {
  for (const hash of Object.keys(HASHES) as HashName[]) {
    if (hash.startsWith('shake')) continue;
    const [secret, salt, info] = [randomBytes(40), randomBytes(20), randomBytes(30)];
    const prk = await hkdfExtract(hash, salt, secret);
    const { size } = HASHES[hash];
    for (const length of [1, size, size + 1, 255 * size]) {
      sameBytes(await hkdfExpand(hash, prk, info, length), Buffer.from(hkdfSync(hash, secret, salt, info, length)));
    }
    await rejectsAs('parameter', async () => hkdfExpand(hash, prk, info, 255 * size + 1));
    await rejectsAs('parameter', async () => hkdfExpand(hash, prk, info, 0));
  }
  await rejectsAs('parameter', async () => hkdfExtract('shake256', undefined, Buffer.alloc(1)));
});

/** RFC 6070 section 2; RFC 7914 section 11 for SHA-256: hash, password, salt, iterations, output. */
const PBKDF2: readonly [HashName, string, string, number, string][] = [
  ['sha1', 'password', 'salt', 1, '0c60c80f961f0e71f3a9b524af6012062fe037a6'],
  ['sha1', 'password', 'salt', 4096, '4b007901b765489abead49d926f721d065a429c1'],
  [
    'sha1',
    'passwordPASSWORDpassword',
    'saltSALTsaltSALTsaltSALTsaltSALTsalt',
    4096,
    '3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038',
  ],
  ['sha1', 'pass\0word', 'sa\0lt', 4096, '56fa6aa75548099dcc37d7f03425e0c3'],
  [
    'sha256',
    'passwd',
    'salt',
    1,
    '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
  ],
];

test('PBKDF2 gives the values of RFC 6070 and RFC 7914, and has limits', async () => {
  for (const [hash, password, salt, iterations, output] of PBKDF2) {
    const length = output.length / 2;
    sameBytes(await pbkdf2(hash, Buffer.from(password), Buffer.from(salt), iterations, length), hex(output));
  }
  const none = Buffer.alloc(0);
  assert.equal((await pbkdf2('sha3-512', none, none, 1, 100)).length, 100);
  for (const iterations of [0, -1, 1.5, PBKDF2_MAX_ITERATIONS + 1]) {
    await rejectsAs('parameter', async () => pbkdf2('sha256', none, none, iterations, 16));
  }
  for (const length of [0, -1, 1025, 1.5]) {
    await rejectsAs('parameter', async () => pbkdf2('sha256', none, none, 1, length));
  }
  // Two blocks are twice the work.
  await rejectsAs('parameter', async () => pbkdf2('sha256', none, none, PBKDF2_MAX_ITERATIONS, 33));
});

/** NIST CAVP, ANSI X9.63-2001 KDF, first values of the groups: hash, Z, SharedInfo, key data. */
const X963: readonly [HashName, string, string, string][] = [
  ['sha1', '1c7d7b5f0597b03d06a018466ed1a93e30ed4b04dc64ccdd', '', 'bf71dffd8f4d99223936beb46fee8ccc'],
  ['sha256', '96c05619d56c328ab95fe84b18264b08725b85e33fd34f08', '', '443024c3dae66b95e6f5670601558f71'],
  [
    'sha256',
    '22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d',
    '75eef81aa3041e33b80971203d2c0c52',
    'c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e52a13d9c7c6fc878c50c5ea0bc7b00e0da2447cfd874f6cf92f30d0097111485500c90c3af8b487872d04685d14c8d1dc8d7fa08beb0ce0ababc11f0bd496269142d43525a78e5bc79a17f59676a5706dc54d54d4d1f0bd7e386128ec26afc21',
  ],
];

test('the KDF of X9.63 gives the values of NIST', () => {
  for (const [hash, secret, info, output] of X963) {
    sameBytes(x963Kdf(hash, hex(secret), hex(info), output.length / 2), hex(output));
  }
  const [, secret] = X963[0] as (typeof X963)[number];
  for (const hash of Object.keys(HASHES) as HashName[]) {
    if (hash.startsWith('shake')) continue;
    // A longer output begins with the shorter one.
    const long = x963Kdf(hash, hex(secret), hex('01'), 200);
    for (const length of [1, 16, 64, 65, 199])
      sameBytes(x963Kdf(hash, hex(secret), hex('01'), length), long.subarray(0, length));
  }
  for (const length of [0, -1, 65_537, 1.5])
    refuses('parameter', () => x963Kdf('sha256', hex(secret), hex(''), length));
  refuses('parameter', () => x963Kdf('shake128', hex(secret), hex(''), 16));
});
