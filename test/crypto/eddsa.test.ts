import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type CurveParameters, curveParameters } from '#src/crypto/curves.ts';
import { signEdDsa, verifyEdDsa } from '#src/crypto/eddsa.ts';
import { validatePrivateKey, writeCurveKey } from '#src/crypto/private-key.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { Curve } from '#src/wire/enumerations.ts';

import { hex, rejectsAs, sameBytes } from './expect.ts';

function keysOf(curve: Curve, secret: string): [SigningKey, SigningKey] {
  const { pkcs8, spki } = validatePrivateKey(writeCurveKey(curveParameters(curve) as CurveParameters, hex(secret)));
  return [SigningKey.fromPkcs8(pkcs8), SigningKey.fromSpki(spki)];
}

/** RFC 8032 sections 7.1 to 7.5: curve, prehash, private key, message, context, signature. */
const VECTORS: readonly [Curve, boolean, string, string, string, string][] = [
  [
    Curve.ED25519,
    false,
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    '',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    Curve.ED25519,
    false,
    '0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6',
    'f726936d19c800494e3fdaff20b276a8',
    '666f6f',
    '55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d',
  ],
  [
    Curve.ED25519,
    true,
    '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    '616263',
    '',
    '98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406',
  ],
  [
    Curve.ED448,
    false,
    'c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e',
    '03',
    '666f6f',
    'd4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea00' +
      '0c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00',
  ],
  [
    Curve.ED448,
    true,
    '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05d6dbefde69e3ab2cec7c867c6e2c49',
    '616263',
    '',
    '822f6901f7480f3d5f562c592994d9693602875614483256505600bbc281ae381f54d6bce2ea911574932f52a4e6cadd78769375ec3ffd1b80' +
      '1a0d9b3f4030cd433964b6457ea39476511214f97469b57dd32dbc560a9a94d00bff07620464a3ad203df7dc7ce360c3cd3696d9d9fab90f00',
  ],
];

test('all variants give the signatures of RFC 8032, and only the same variant accepts them', async () => {
  for (const [curve, prehash, secret, message, context, signature] of VECTORS) {
    const [privateKey, publicKey] = keysOf(curve, secret);
    const parameters = { prehash, context: hex(context) };
    sameBytes(await signEdDsa(privateKey, parameters, hex(message)), hex(signature));
    for (const key of [privateKey, publicKey]) {
      const check = async (other: typeof parameters, text = message, bytes = hex(signature)): Promise<boolean> =>
        verifyEdDsa(key, other, hex(text), bytes);
      assert.equal(await check(parameters), true);
      assert.equal(await check({ ...parameters, prehash: !prehash }), false);
      assert.equal(await check({ ...parameters, context: hex(`${context}00`) }), false);
      assert.equal(await check(parameters, `${message}00`), false);
      assert.equal(await check(parameters, message, hex(signature).subarray(1)), false);
      assert.equal(await check(parameters, message, hex(`00${signature.slice(2)}`)), false);
    }
  }
});

test('without parameters it is the plain signature', async () => {
  const [curve, , secret, , , signature] = VECTORS[0] as (typeof VECTORS)[number];
  const [privateKey, publicKey] = keysOf(curve, secret);
  sameBytes(await signEdDsa(privateKey, undefined, hex('')), hex(signature));
  assert.equal(await verifyEdDsa(publicKey, undefined, hex(''), hex(signature)), true);
});

test('contexts have at most 255 bytes, and only Edwards keys sign', async () => {
  for (const curve of [Curve.ED25519, Curve.ED448]) {
    const size = curve === Curve.ED25519 ? 32 : 57;
    const [privateKey, publicKey] = keysOf(curve, '42'.repeat(size));
    const long = { prehash: false, context: Buffer.alloc(255, 1) };
    const signature = await signEdDsa(privateKey, long, hex('01'));
    assert.equal(await verifyEdDsa(publicKey, long, hex('01'), signature), true);
    for (const prehash of [true, false]) {
      await rejectsAs('parameter', async () =>
        signEdDsa(privateKey, { prehash, context: Buffer.alloc(256) }, hex('01')),
      );
    }
    await rejectsAs('key-type', async () => signEdDsa(publicKey, long, hex('01')));
  }
  const [x25519] = keysOf(Curve.X25519, '77'.repeat(32));
  await rejectsAs('key-type', async () => signEdDsa(x25519, undefined, hex('01')));
});
