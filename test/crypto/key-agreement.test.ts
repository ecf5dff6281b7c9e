import assert from 'node:assert/strict';
import { diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';

import { type CurveParameters, curveParameters, CURVES } from '#src/crypto/curves.ts';
import { DerWriter } from '#src/crypto/der.ts';
import { agree, agreeAndDerive, x963Kdf } from '#src/crypto/key-agreement.ts';
import { validatePrivateKey, writeCurveKey } from '#src/crypto/private-key.ts';
import { ecPublicKey } from '#src/crypto/public-key.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { Curve } from '#src/wire/enumerations.ts';

import { hex, rejectsAs, sameBytes } from './expect.ts';

function keyOf(curve: Curve, secret: string): SigningKey {
  return SigningKey.fromPkcs8(
    validatePrivateKey(writeCurveKey(curveParameters(curve) as CurveParameters, hex(secret))).pkcs8,
  );
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Of RFC 5903 section 8.1. */
const P256_POINT = hex(
  '04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
);

/** Curve, private key, public key of the other side, shared secret. */
const VECTORS: readonly [string, Curve, string, string, string][] = [
  [
    'RFC 5903 section 8.1',
    Curve.P256,
    'c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433',
    '04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
    'd6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de',
  ],
  [
    'RFC 7027 appendix A.1',
    Curve.BRAINPOOL_P256R1,
    '81db1ee100150ff2ea338d708271be38300cb54241d79950f77b063039804f1d',
    '048d2d688c6cf93e1160ad04cc4429117dc2c41825e1e9fca0addd34e6f1b39f7b990c57520812be512641e47034832106bc7d3e8dd0e4c7f1136d7006547cec6a',
    '89afc39d41d3b327814b80940b042590f96556ec91e6ae7939bce31f3a18bf2b',
  ],
  [
    'RFC 7027 appendix A.2',
    Curve.BRAINPOOL_P384R1,
    '1e20f5e048a5886f1f157c74e91bde2b98c8b52d58e5003d57053fc4b0bd65d6f15eb5d1ee1610df870795143627d042',
    '044d44326f269a597a5b58bba565da5556ed7fd9a8a9eb76c25f46db69d19dc8ce6ad18e404b15738b2086df37e71d1eb4' +
      '62d692136de56cbe93bf5fa3188ef58bc8a3a0ec6c1e151a21038a42e9185329b5b275903d192f8d4e1f32fe9cc78c48',
    '0bd9d3a7ea0b3d519d09d8e48d0785fb744a6b355e6304bc51c229fbbce239bbadf6403715c35d4fb2a5444f575d4f42',
  ],
  [
    'RFC 7027 appendix A.3',
    Curve.BRAINPOOL_P512R1,
    '16302ff0dbbb5a8d733dab7141c1b45acbc8715939677f6a56850a38bd87bd59b09e80279609ff333eb9d4c061231fb26f92eeb04982a5f1d1764cad57665422',
    '049d45f66de5d67e2e6db6e93a59ce0bb48106097ff78a081de781cdb31fce8ccbaaea8dd4320c4119f1e9cd437a2eab3731fa9668ab268d871deda55a5473199f' +
      '2fdc313095bcdd5fb3a91636f07a959c8e86b5636a1e930e8396049cb481961d365cc11453a06c719835475b12cb52fc3c383bce35e27ef194512b71876285fa',
    'a7927098655f1f9976fa50a9d566865dc530331846381c87256baf3226244b76d36403c024d7bbf0aa0803eaff405d3d24f11a9b5c0bef679fe1454b21c4cd1f',
  ],
  [
    'Wycheproof ecdh_brainpoolP320r1, 1',
    Curve.BRAINPOOL_P320R1,
    '12d06c51deda1595d8c43e7c146f898f7141c0836522931049afe61333ae2c03e350b61aeba540bf',
    '04b7fc5720d4b325c0805cc213c1b9ccbd9e4f380a121fbc00784c821bcd7f0d618b70d39fbdceae553d9de4f90683eb9f000463c7bd1d32db8cfad2b40862ccac05030e93fc6694c071e8e1427b305006',
    '94982d50b29faedaa7ed0988fd57b90303b032ce398ec70af6d194bcfd7f9008d14e09425502b7e7',
  ],
  [
    'Wycheproof ecdh_brainpoolP320r1, 3: x is 1',
    Curve.BRAINPOOL_P320R1,
    '5a21b0e16c6eb888381f19009dae7a91274e8f18e16674ee6c2bf782e24c2f0cf994daa6fe60ed10',
    '04430dd30b26350bc66c41c71769dd61b740d71008b59e455c1795ebbdc6bb1f0c8afaab415850142f1557feb7bef5fd3937f088ccb4d3ff8dc7431eecc9dce6f57c45035ca97dd0d7de9991742a39ad20',
    '00000000000000000000000000000000000000000000000000000000000000000000000000000001',
  ],
  [
    'Wycheproof ecdh_secp256k1, 1',
    Curve.SECP256K1,
    'f4b7ff7cccc98813a69fae3df222bfe3f4e28f764bf91b4a10d8096ce446b254',
    '04d8096af8a11e0b80037e1ee68246b5dcbb0aeb1cf1244fd767db80f3fa27da2b396812ea1686e7472e9692eaf3e958e50e9500d3b4c77243db1f2acd67ba9cc4',
    '544dfae22af6af939042b1d85b71a1e49e9a5614123c4d6ad0c8af65baf87d65',
  ],
  [
    'RFC 7748 section 6.1',
    Curve.X25519,
    '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
  [
    'RFC 7748 section 6.2',
    Curve.X448,
    '9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b',
    '3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609',
    '07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d',
  ],
];

test('the shared secrets of RFC 5903, RFC 7027, RFC 7748 and Wycheproof come out, in each form of the public key', async () => {
  for (const [source, curve, secret, publicKey, shared] of VECTORS) {
    const key = keyOf(curve, secret);
    const point = hex(publicKey);
    const { spki } = ecPublicKey(curveParameters(curve) as CurveParameters, point);
    for (const form of [point, DerWriter.octetString(point), spki]) {
      const found = await agree(key, form);
      assert.equal(Buffer.from(found).toString('hex'), shared, source);
    }
    const derived = await agreeAndDerive(key, point, 'sha3-256', Buffer.from('info'), 50);
    sameBytes(derived, x963Kdf('sha3-256', hex(shared), Buffer.from('info'), 50));
    // What is too long loses its first bytes.
    sameBytes(await agreeAndDerive(key, point, undefined, Buffer.alloc(0), 16), hex(shared).subarray(-16));
    sameBytes(await agreeAndDerive(key, point, undefined, Buffer.alloc(0), undefined), hex(shared));
    await rejectsAs('key-size', async () =>
      agreeAndDerive(key, point, undefined, Buffer.alloc(0), shared.length / 2 + 1),
    );
    await rejectsAs('parameter', async () => agreeAndDerive(key, point, undefined, Buffer.from('info'), 16));
  }
});

test('both sides find the same secret as node:crypto on every curve', async () => {
  for (const { curve, form, nodeName } of CURVES) {
    if (form === 'edwards') continue;
    const pair = (): KeyPair =>
      form === 'weierstrass'
        ? generateKeyPairSync('ec', { namedCurve: nodeName })
        : generateKeyPairSync(nodeName as 'x25519');
    const [mine, theirs] = [pair(), pair()];
    const key = SigningKey.fromPkcs8(mine.privateKey.export({ format: 'der', type: 'pkcs8' }));
    assert.equal(key.curve, curve);
    const found = await agree(key, theirs.publicKey.export({ format: 'der', type: 'spki' }));
    sameBytes(found, diffieHellman({ privateKey: theirs.privateKey, publicKey: mine.publicKey }));
  }
});

test('points off the curve, of another curve, in another form, and at infinity are refused', async () => {
  for (const { curve, form, pointSize, size } of CURVES) {
    if (form !== 'weierstrass') continue;
    const { privateKey, publicKey } = generateKeyPairSync('ec', {
      namedCurve: curveParameters(curve)?.nodeName as string,
    });
    const key = SigningKey.fromPkcs8(privateKey.export({ format: 'der', type: 'pkcs8' }));
    const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-pointSize);
    assert.equal((await agree(key, point)).length, size);
    const off = Buffer.from(point);
    off[pointSize - 1] = (off[pointSize - 1] as number) ^ 1;
    const compressed = Buffer.concat([Buffer.of(2 + ((point.at(-1) as number) & 1)), point.subarray(1, 1 + size)]);
    const hybrid = Buffer.concat([Buffer.of(6 + ((point.at(-1) as number) & 1)), point.subarray(1)]);
    const { spki: other } = ecPublicKey(curveParameters(Curve.P256) as CurveParameters, P256_POINT);
    const wrong: Uint8Array[] = [
      off,
      compressed,
      hybrid,
      Buffer.of(0),
      Buffer.alloc(0),
      Buffer.alloc(pointSize),
      point.subarray(1),
    ];
    if (curve !== Curve.P256) wrong.push(Buffer.from(other), P256_POINT);
    for (const bytes of wrong) await rejectsAs('public-key', async () => agree(key, bytes));
  }
});

test('public keys of small order, which give a zero secret, are refused', async () => {
  // RFC 7748 section 6; the points of order 1, 2, 4 and 8 that D. J. Bernstein lists.
  const x25519 = keyOf(Curve.X25519, '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
  for (const point of [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ]) {
    await rejectsAs('public-key', async () => agree(x25519, hex(point)));
  }
  const x448 = keyOf(Curve.X448, '9a'.repeat(56));
  for (const point of ['00'.repeat(56), `01${'00'.repeat(55)}`, `fe${'ff'.repeat(27)}fe${'ff'.repeat(27)}`]) {
    await rejectsAs('public-key', async () => agree(x448, hex(point)));
  }
  for (const length of [0, 31, 33]) await rejectsAs('public-key', async () => agree(x25519, Buffer.alloc(length, 9)));
});

test('keys that cannot agree are refused', async () => {
  const ed = SigningKey.fromPkcs8(generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }));
  const { publicKey } = generateKeyPairSync('x25519');
  const x = SigningKey.fromSpki(publicKey.export({ format: 'der', type: 'spki' }));
  for (const key of [ed, x]) await rejectsAs('key-type', async () => agree(key, Buffer.alloc(32, 9)));
});
