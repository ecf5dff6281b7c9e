/** What real programs ask for must be granted by default. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { has, hasUsage, isProtected } from '#src/cryptoki/key-view.ts';
import { checkUse, checkValueRead, checkWrap, DEFAULT_POLICY } from '#src/cryptoki/separation.ts';
import {
  derived,
  generated,
  generatedPair,
  generatedSecret,
  imported,
  unwrapped,
} from '#test/cryptoki/key-under-test.ts';
import { CASES } from '#test/token/program-templates.ts';
import { P256, type Template } from '#test/token/templates.ts';

describe('key pairs', () => {
  for (const { program, mechanism, publicTemplate, privateTemplate } of CASES) {
    test(program, () => {
      const { publicKey, privateKey } = generatedPair(publicTemplate, privateTemplate, { mechanism });
      assert.ok(has(privateKey, CKA.LOCAL) && has(publicKey, CKA.LOCAL));
    });
  }
});

/** pkcs11-tool says FALSE to CKA_SENSITIVE unless asked otherwise. */
const PKCS11_TOOL: Template = { CLASS: CKO.SECRET_KEY, TOKEN: true, SENSITIVE: false };

test('pkcs11-tool: wrap and unwrap an AES key, read it before and after', () => {
  const usage: Template = { ENCRYPT: true, DECRYPT: true };
  const wrappingKey = generated({ ...PKCS11_TOOL, KEY_TYPE: CKK.AES, ...usage, WRAP: true, UNWRAP: true });
  const key = generated({ ...PKCS11_TOOL, KEY_TYPE: CKK.AES, VALUE_LEN: 16, ...usage, EXTRACTABLE: true });
  checkValueRead(key);
  const back: Template = { ...PKCS11_TOOL, KEY_TYPE: CKK.AES, ...usage, EXTRACTABLE: true };
  checkWrap(wrappingKey, key, CKM.AES_KEY_WRAP, DEFAULT_POLICY);
  checkValueRead(unwrapped(wrappingKey, back));
  // --usage-sign --usage-decrypt says nothing of wrapping.
  const rsa = generatedPair({ VERIFY: true, ENCRYPT: true }, { SIGN: true, DECRYPT: true });
  const now = new Date();
  checkUse(rsa.publicKey, 'wrap', CKM.RSA_PKCS, DEFAULT_POLICY, now);
  checkUse(rsa.privateKey, 'unwrap', CKM.RSA_PKCS, DEFAULT_POLICY, now);
  checkWrap(rsa.publicKey, key, CKM.RSA_PKCS, DEFAULT_POLICY);
  checkValueRead(unwrapped(rsa.privateKey, back, { mechanism: CKM.RSA_PKCS }));
});

test('pkcs11-tool and libp11: derive a key that is for everything, and read it', () => {
  const { privateKey } = generatedPair(
    { EC_PARAMS: P256, VERIFY: true, DERIVE: true },
    { SIGN: true, DERIVE: true },
    { mechanism: CKM.EC_KEY_PAIR_GEN },
  );
  const everything = { ENCRYPT: true, DECRYPT: true, WRAP: true, UNWRAP: true };
  const values: Template = { ...PKCS11_TOOL, TOKEN: false, KEY_TYPE: CKK.GENERIC_SECRET, EXTRACTABLE: true };
  checkValueRead(derived([privateKey], { ...values, ...everything, VALUE_LEN: 32 }, { mechanism: CKM.ECDH1_DERIVE }));
});

test('pkcs11-tool 0.26: a generic secret is for HMAC, though the template has encryption alone', () => {
  const key = generatedSecret({ ...PKCS11_TOOL, ENCRYPT: true, DECRYPT: true });
  for (const usage of [CKA.SIGN, CKA.VERIFY]) assert.ok(hasUsage(key, usage));
  const aes = generated({ ...PKCS11_TOOL, KEY_TYPE: CKK.AES, ENCRYPT: true, DECRYPT: true });
  assert.ok(!hasUsage(aes, CKA.SIGN));
});

test('NSS: unwrap a session key and decrypt with it', () => {
  const { privateKey } = generatedPair({}, { SIGN: true, DECRYPT: true, UNWRAP: true });
  const key = unwrapped(privateKey, { CLASS: CKO.SECRET_KEY, DECRYPT: true }, { mechanism: CKM.RSA_PKCS });
  assert.ok(hasUsage(key, CKA.DECRYPT) && isProtected(key));
});

test('Java, Go and GnuTLS: keys without a word on their use', () => {
  for (const usage of [CKA.ENCRYPT, CKA.DECRYPT])
    assert.ok(hasUsage(generated({}), usage) && hasUsage(imported({}), usage));
  for (const usage of [CKA.SIGN, CKA.VERIFY]) assert.ok(hasUsage(generatedSecret({}), usage));
  const { publicKey, privateKey } = generatedPair({}, {});
  for (const usage of [CKA.SIGN, CKA.DECRYPT]) assert.ok(hasUsage(privateKey, usage));
  for (const usage of [CKA.VERIFY, CKA.ENCRYPT]) assert.ok(hasUsage(publicKey, usage));
});
