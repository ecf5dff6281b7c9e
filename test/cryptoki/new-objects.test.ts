import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { writeAttributeTemplate } from '#src/cryptoki/attribute-templates.ts';
import { certificateCheckValue, checkValue } from '#src/cryptoki/check-value.ts';
import { CKA, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import {
  deriveRequest,
  type NewObject,
  secretKeyRequest,
  sharedSecretRequest,
  unwrapRequest,
} from '#src/cryptoki/new-objects.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { ulongOf } from '#src/cryptoki/values.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { P256, type Template, template } from '#test/token/templates.ts';

const NONE = new Uint8Array(0);

function refuses(ckr: number, make: () => NewObject): void {
  assert.throws(make, (error) => {
    assert.ok(error instanceof CkrError, String(error));
    assert.equal(error.ckr.toString(16), ckr.toString(16), error.message);
    return true;
  });
}

function keyTypeOf({ attributes }: NewObject): number {
  return Number(ulongOf(attributes.get(CKA.KEY_TYPE)));
}

describe('C_GenerateKey', () => {
  const generate = (mechanism: number, values: Template, parameter: Uint8Array = NONE): NewObject =>
    secretKeyRequest(mechanism, parameter, template(values));

  test('takes class and type from the mechanism', () => {
    const key = generate(CKM.AES_KEY_GEN, { VALUE_LEN: 32 });
    assert.deepEqual([key.type, key.bits, keyTypeOf(key)], [KeyType.SECRET, 256, CKK.AES]);
    assert.equal(key.attributes.has(CKA.VALUE_LEN), false);
    assert.equal(key.flags, KeyFlags.DATAENCIPHERMENT);
    generate(CKM.AES_KEY_GEN, { VALUE_LEN: 16, CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES });
    assert.equal(keyTypeOf(generate(CKM.GENERIC_SECRET_KEY_GEN, { VALUE_LEN: 1 })), CKK.GENERIC_SECRET);
    const hmac = generate(CKM.GENERIC_SECRET_KEY_GEN, { VALUE_LEN: 64, KEY_TYPE: CKK.SHA3_512_HMAC });
    assert.equal(keyTypeOf(hmac), CKK.SHA3_512_HMAC);
    assert.equal(keyTypeOf(generate(CKM.HKDF_KEY_GEN, { VALUE_LEN: 32 })), CKK.HKDF);
  });

  test('has a return value for each mistake', () => {
    refuses(CKR.TEMPLATE_INCOMPLETE, () => generate(CKM.AES_KEY_GEN, {}));
    for (const VALUE_LEN of [0, 15, 17, 33]) {
      refuses(CKR.ATTRIBUTE_VALUE_INVALID, () => generate(CKM.AES_KEY_GEN, { VALUE_LEN }));
    }
    for (const VALUE_LEN of [0, 8193]) {
      refuses(CKR.ATTRIBUTE_VALUE_INVALID, () => generate(CKM.GENERIC_SECRET_KEY_GEN, { VALUE_LEN }));
    }
    refuses(CKR.TEMPLATE_INCONSISTENT, () =>
      generate(CKM.AES_KEY_GEN, { VALUE_LEN: 16, KEY_TYPE: CKK.GENERIC_SECRET }),
    );
    refuses(CKR.TEMPLATE_INCONSISTENT, () => generate(CKM.AES_KEY_GEN, { VALUE_LEN: 16, CLASS: CKO.PRIVATE_KEY }));
    refuses(CKR.ATTRIBUTE_READ_ONLY, () => generate(CKM.AES_KEY_GEN, { VALUE_LEN: 16, VALUE: '0x00' }));
    refuses(CKR.ATTRIBUTE_TYPE_INVALID, () => generate(CKM.AES_KEY_GEN, { VALUE_LEN: 16, MODULUS: '0x00' }));
    for (const mechanism of [CKM.AES_GCM, CKM.RSA_PKCS_KEY_PAIR_GEN, CKM.EDDSA, 0x131]) {
      refuses(CKR.MECHANISM_INVALID, () => generate(mechanism, { VALUE_LEN: 16 }));
    }
  });

  test('from a password', () => {
    const parameter = writeParameter('pbkdf2', { prf: 4, salt: NONE, iterations: 1000, password: NONE });
    const key = generate(CKM.PKCS5_PBKD2, { KEY_TYPE: CKK.AES, VALUE_LEN: 32 }, parameter);
    assert.deepEqual([keyTypeOf(key), key.bits], [CKK.AES, 256]);
    refuses(CKR.MECHANISM_PARAM_INVALID, () => generate(CKM.PKCS5_PBKD2, { VALUE_LEN: 32 }));
  });
});

describe('C_UnwrapKey', () => {
  const unwrap = (values: Template, prescribed?: Template, mechanism: number = CKM.AES_KEY_WRAP): NewObject =>
    unwrapRequest(mechanism, template(values), prescribed && writeAttributeTemplate(template(prescribed)));

  test('leaves the length to the wrapped key; one that is given is kept', () => {
    assert.equal(unwrap({ KEY_TYPE: CKK.AES }).bits, 0);
    assert.equal(unwrap({ KEY_TYPE: CKK.AES, VALUE_LEN: 24 }).bits, 192);
    refuses(CKR.ATTRIBUTE_VALUE_INVALID, () => unwrap({ KEY_TYPE: CKK.AES, VALUE_LEN: 20 }));
  });

  test('makes private keys', () => {
    const key = unwrap({ CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.EC });
    assert.deepEqual([key.type, key.curve], [KeyType.EC_PRIVATE, Curve.NONE]);
    assert.equal(unwrap({ CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.EC, EC_PARAMS: P256 }).curve, Curve.P256);
    assert.equal(unwrap({ CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.ML_DSA }).type, KeyType.ML_DSA_PRIVATE);
    refuses(CKR.TEMPLATE_INCOMPLETE, () => unwrap({ CLASS: CKO.PRIVATE_KEY }));
    refuses(CKR.ATTRIBUTE_VALUE_INVALID, () => unwrap({ CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.AES }));
    refuses(CKR.ATTRIBUTE_VALUE_INVALID, () => unwrap({ CLASS: CKO.PUBLIC_KEY, KEY_TYPE: CKK.RSA }));
  });

  test('adds what the unwrapping key prescribes', () => {
    const prescribed: Template = { KEY_TYPE: CKK.AES, EXTRACTABLE: false, DECRYPT: true };
    const key = unwrap({ LABEL: 'x' }, prescribed);
    assert.deepEqual([keyTypeOf(key), key.attributes.get(CKA.DECRYPT)], [CKK.AES, Uint8Array.of(1)]);
    unwrap({ EXTRACTABLE: false }, prescribed);
    refuses(CKR.TEMPLATE_INCONSISTENT, () => unwrap({ EXTRACTABLE: true }, prescribed));
    refuses(CKR.MECHANISM_INVALID, () => unwrap({ KEY_TYPE: CKK.AES }, undefined, CKM.AES_CBC_PAD));
  });
});

describe('C_DeriveKey and key encapsulation', () => {
  test('make secret keys', () => {
    const key = deriveRequest(CKM.ECDH1_DERIVE, template({ VALUE_LEN: 32 }), undefined);
    assert.deepEqual([keyTypeOf(key), key.bits], [CKK.GENERIC_SECRET, 256]);
    assert.equal(deriveRequest(CKM.HKDF_DERIVE, template({ KEY_TYPE: CKK.AES }), undefined).bits, 0);
    assert.equal(keyTypeOf(sharedSecretRequest(CKM.ML_KEM, template({ KEY_TYPE: CKK.AES }), undefined)), CKK.AES);
    refuses(CKR.TEMPLATE_INCONSISTENT, () =>
      deriveRequest(CKM.ECDH1_DERIVE, template({ CLASS: CKO.PRIVATE_KEY }), undefined),
    );
    refuses(CKR.MECHANISM_INVALID, () => deriveRequest(CKM.ML_KEM, [], undefined));
    refuses(CKR.MECHANISM_INVALID, () => sharedSecretRequest(CKM.RSA_PKCS, [], undefined));
    const prescribed = writeAttributeTemplate(template({ SENSITIVE: true }));
    refuses(CKR.TEMPLATE_INCONSISTENT, () =>
      deriveRequest(CKM.ECDH1_DERIVE, template({ SENSITIVE: false }), prescribed),
    );
  });
});

test('CKA_CHECK_VALUE', () => {
  const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
  // FIPS 197 appendix: AES-128 of zeros under a key of zeros is 66e94bd4...
  assert.equal(hex(checkValue(CKK.AES, new Uint8Array(16))), '66e94b');
  // SHA-1 of 16 bytes of zeros is e129f27c...
  assert.equal(hex(checkValue(CKK.GENERIC_SECRET, new Uint8Array(16))), 'e129f2');
  assert.equal(checkValue(CKK.GENERIC_SECRET, new Uint8Array(15)), undefined);
  assert.equal(hex(certificateCheckValue(Buffer.from('abc'))), 'a9993e');
});
