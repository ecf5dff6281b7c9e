/** The attacks on PKCS#11 tokens that are known, and what the rules answer to each. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { writeAttributeTemplate } from '#src/cryptoki/attribute-templates.ts';
import { checkChange, checkCopy, checkVendorChange } from '#src/cryptoki/change-rules.ts';
import { CKA, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { has, isProtected, type KeyView, keyViewOf } from '#src/cryptoki/key-view.ts';
import { secretKeyRequest } from '#src/cryptoki/new-objects.ts';
import { copyOriginAttributes, originAttributes } from '#src/cryptoki/origin.ts';
import { type Parameter, writeParameter } from '#src/cryptoki/parameters.ts';
import {
  checkDestroy,
  checkUse,
  checkValueRead,
  checkVendorExport,
  checkWrap,
  DEFAULT_POLICY,
} from '#src/cryptoki/separation.ts';
import { FALSE, TRUE, ulongValue } from '#src/cryptoki/values.ts';
import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import {
  altered,
  decapsulated,
  derived,
  generated,
  generatedPair,
  generatedSecret,
  imported,
  STANDARD,
  unwrapped,
} from '#test/cryptoki/key-under-test.ts';
import { P256, type Template, template } from '#test/token/templates.ts';

const KWP = CKM.AES_KEY_WRAP_PAD;
const NOW = new Date('2026-11-25T12:00:00Z');

function refused(ckr: number, work: () => unknown): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof CkrError, String(error));
    assert.equal(error.ckr.toString(16), ckr.toString(16), error.message);
    return true;
  });
}

const WRAPPING: Template = { WRAP: true, UNWRAP: true };
/** A key that is worth stealing: it may leave, but only wrapped. */
const target = generatedSecret({ SIGN: true, VERIFY: true, EXTRACTABLE: true });
/** For RSA keys, which are not as strong. */
const shortTarget = generatedSecret({ SIGN: true, EXTRACTABLE: true, VALUE_LEN: 16 });
const wrappingKey = generated(WRAPPING);
const wrap = (by: KeyView, key: KeyView, mechanism: number = KWP, parameter?: Uint8Array): void =>
  checkWrap(by, key, mechanism, DEFAULT_POLICY, parameter);

describe('wrap and decrypt', () => {
  test('no secret key does both', () => {
    for (const usage of ['ENCRYPT', 'DECRYPT', 'SIGN', 'VERIFY', 'DERIVE'] as const) {
      for (const keys of ['WRAP', 'UNWRAP'] as const) {
        refused(CKR.TEMPLATE_INCONSISTENT, () => generated({ [keys]: true, [usage]: true }));
        refused(CKR.TEMPLATE_INCONSISTENT, () => imported({ [keys]: true, [usage]: true }));
      }
    }
    generated({ WRAP: true, DECRYPT: true }, { policy: STANDARD });
  });

  test('a key that does both says that it is not sensitive, and never carries a sensitive one', () => {
    const open = generated({ ...WRAPPING, ENCRYPT: true, DECRYPT: true, SENSITIVE: false });
    refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(open, target));
    // Neither after its usages are gone: a copy may have them still.
    refused(CKR.KEY_NOT_WRAPPABLE, () =>
      wrap(altered(open, { DECRYPT: false, ENCRYPT: false, SENSITIVE: true }), target),
    );
    wrap(open, generatedSecret({ SENSITIVE: false, EXTRACTABLE: true }));
  });

  test('usages only go away', () => {
    refused(CKR.ATTRIBUTE_READ_ONLY, () => change(wrappingKey, { DECRYPT: true }));
    change(altered(wrappingKey, { DECRYPT: true }), { DECRYPT: false });
  });

  test('RSA: only a pair whose private half does nothing but unwrap carries sensitive keys', () => {
    const closed = generatedPair({ WRAP: true }, { UNWRAP: true });
    assert.ok(has(closed.publicKey, CKA.DKS_CLOSED_PAIR));
    wrap(closed.publicKey, shortTarget, CKM.RSA_PKCS_OAEP);
    for (const usage of ['DECRYPT', 'SIGN', 'SIGN_RECOVER', 'EXTRACTABLE'] as const) {
      const { publicKey } = generatedPair({ WRAP: true }, { UNWRAP: true, [usage]: true });
      refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(publicKey, shortTarget, CKM.RSA_PKCS_OAEP));
    }
    const readable = generatedPair({ WRAP: true }, { UNWRAP: true, SENSITIVE: false });
    refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(readable.publicKey, shortTarget, CKM.RSA_PKCS_OAEP));
  });
});

describe('encrypt and unwrap: planting a known key', () => {
  test('what is known never carries sensitive keys', () => {
    refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(imported({ WRAP: true }), target));
    refused(CKR.TEMPLATE_INCONSISTENT, () => unwrapped(wrappingKey, { WRAP: true }));
    refused(CKR.TEMPLATE_INCONSISTENT, () => unwrapped(wrappingKey, { UNWRAP: true }));
    const fromSecret = derived([generatedSecret({ DERIVE: true })], { KEY_TYPE: CKK.AES, VALUE_LEN: 32, WRAP: true });
    refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(fromSecret, target));
    const publicKey = keyViewOf({
      type: KeyType.RSA_PUBLIC,
      curve: 0,
      bits: 8192,
      flags: 0x3f,
      attributes: new Map([[CKA.WRAP, TRUE]]),
    });
    refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(publicKey, target, CKM.RSA_PKCS_OAEP));
  });

  test('a key from a password is known to all who know it', () => {
    const password = { prf: 4, salt: Uint8Array.of(1), iterations: 1, password: Uint8Array.of(2) };
    const made = secretKeyRequest(
      CKM.PKCS5_PBKD2,
      writeParameter('pbkdf2', password),
      template({ KEY_TYPE: CKK.AES, VALUE_LEN: 32, WRAP: true }),
    );
    const view = keyViewOf(made);
    const origin = originAttributes('generate', view, { mechanism: CKM.PKCS5_PBKD2, sources: [] });
    const key = { ...view, attributes: new Map([...view.attributes, ...origin]) };
    refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(key, target));
  });
});

describe('coming back with other attributes', () => {
  test('a mere wrapping key gives back sensitive keys only', () => {
    refused(CKR.TEMPLATE_INCONSISTENT, () => unwrapped(wrappingKey, { SENSITIVE: false }));
    const back = unwrapped(wrappingKey, { EXTRACTABLE: true });
    assert.ok(isProtected(back));
    assert.deepEqual(
      [CKA.LOCAL, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE].map((type) => has(back, type)),
      [false, false, false],
    );
  });

  test('what can decrypt may unwrap what is readable', () => {
    const open = generated({ ...WRAPPING, ENCRYPT: true, DECRYPT: true, SENSITIVE: false });
    const { privateKey } = generatedPair({}, { DECRYPT: true });
    for (const key of [open, privateKey]) unwrapped(key, { SENSITIVE: false, EXTRACTABLE: true });
  });

  test('a MAC key does not come back as a base key, whose derived keys are MACs', () => {
    refused(CKR.TEMPLATE_INCONSISTENT, () => unwrapped(wrappingKey, { KEY_TYPE: CKK.GENERIC_SECRET, DERIVE: true }));
    refused(CKR.TEMPLATE_INCONSISTENT, () => generatedSecret({ DERIVE: true, EXTRACTABLE: true }));
    refused(CKR.TEMPLATE_INCONSISTENT, () => generatedSecret({ DERIVE: true, SIGN: true }));
    refused(CKR.TEMPLATE_INCONSISTENT, () => generated({ DERIVE: true, ENCRYPT: true }));
  });

  test('nor does a key that cannot be read derive and make MACs', () => {
    refused(CKR.TEMPLATE_INCONSISTENT, () => generatedSecret({ DERIVE: true, SIGN: true, SENSITIVE: false }));
    generatedSecret({ DERIVE: true, SIGN: true, SENSITIVE: false, EXTRACTABLE: true });
  });

  test('CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE and CKA_WRAP_TEMPLATE', () => {
    const prescribed = writeAttributeTemplate(template({ SIGN: true, ENCRYPT: false, DECRYPT: false }));
    const key = generated({ ...WRAPPING, UNWRAP_TEMPLATE: prescribed, WRAP_TEMPLATE: prescribed });
    assert.deepEqual(unwrapped(key, {}).attributes.get(CKA.SIGN), TRUE);
    refused(CKR.TEMPLATE_INCONSISTENT, () => unwrapped(key, { SIGN: false }));
    wrap(key, generatedSecret({ SIGN: true, EXTRACTABLE: true }));
    refused(CKR.KEY_HANDLE_INVALID, () => wrap(key, generated({ EXTRACTABLE: true })));
    const base = generatedSecret({ DERIVE: true, DERIVE_TEMPLATE: prescribed });
    refused(CKR.TEMPLATE_INCONSISTENT, () => derived([base], { SIGN: false }));
    assert.deepEqual(derived([base], {}).attributes.get(CKA.SIGN), TRUE);
  });
});

describe('weakened copies and changes', () => {
  const key = generatedSecret({
    SIGN: true,
    START_DATE: '20260101',
    WRAP_WITH_TRUSTED: true,
    ALLOWED_MECHANISMS: '0x5102000000000000',
  });
  const copy = (values: Template, drop: readonly number[] = []): void => {
    const made = altered(key, values);
    const attributes = new Map([...made.attributes, ...copyOriginAttributes(key)]);
    for (const type of drop) attributes.delete(type);
    checkCopy(key, { ...made, attributes }, 'user', DEFAULT_POLICY);
  };

  test('a copy is at least as strict', () => {
    copy({ LABEL: 'copy', TOKEN: true, SIGN: false, COPYABLE: false });
    for (const values of [
      { SENSITIVE: false },
      { EXTRACTABLE: true },
      { VERIFY: true },
      { WRAP_WITH_TRUSTED: false },
      { PRIVATE: false },
      { ALLOWED_MECHANISMS: '' },
      { TRUSTED: true },
      { KEY_TYPE: CKK.AES },
    ] as const) {
      refused(CKR.ATTRIBUTE_READ_ONLY, () => copy(values));
    }
    refused(CKR.ATTRIBUTE_READ_ONLY, () => copy({}, [CKA.ALLOWED_MECHANISMS]));
  });

  test('what must not be copied', () => {
    const view = altered(key, { COPYABLE: false });
    refused(CKR.ACTION_PROHIBITED, () => checkCopy(view, view, 'user', DEFAULT_POLICY));
    const limited = altered(key, { DKS_USE_LIMIT: 3 });
    refused(CKR.ACTION_PROHIBITED, () => checkCopy(limited, limited, 'user', DEFAULT_POLICY));
  });

  test('changes only make stricter', () => {
    const open = generated({ SENSITIVE: false, EXTRACTABLE: true });
    change(open, {
      SENSITIVE: true,
      EXTRACTABLE: false,
      WRAP_WITH_TRUSTED: true,
      DECRYPT: false,
      LABEL: 'x',
      ID: '0x01',
    });
    for (const values of [
      { SENSITIVE: false },
      { EXTRACTABLE: true },
      { ALWAYS_SENSITIVE: false },
      { LOCAL: false },
      { VERIFY: true },
      { ALLOWED_MECHANISMS: '' },
      { VALUE: '0x00' },
      { UNWRAP_TEMPLATE: '' },
    ] as const) {
      refused(CKR.ATTRIBUTE_READ_ONLY, () => change(key, values));
    }
    refused(CKR.ATTRIBUTE_READ_ONLY, () =>
      checkChange(key, [{ type: CKA.SENSITIVE, value: null }], 'user', DEFAULT_POLICY),
    );
    refused(CKR.ATTRIBUTE_TYPE_INVALID, () => change(key, { MODULUS: '0x01' }));
    refused(CKR.ACTION_PROHIBITED, () => change(altered(key, { MODIFIABLE: false }), { LABEL: 'x' }));
    checkChange(key, [{ type: CKA.LABEL, value: null }], 'user', DEFAULT_POLICY);
  });

  test('a limit of uses only gets lower', () => {
    change(key, { DKS_USE_LIMIT: 10 });
    const limited = altered(key, { DKS_USE_LIMIT: 10 });
    change(limited, { DKS_USE_LIMIT: 9 });
    refused(CKR.ATTRIBUTE_READ_ONLY, () => change(limited, { DKS_USE_LIMIT: 11 }));
    refused(CKR.ATTRIBUTE_READ_ONLY, () => change(key, { DKS_USE_COUNT: 0 }));
    refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(wrappingKey, altered(target, { DKS_USE_LIMIT: 10 })));
  });

  test('the name of a curve may change its form, not the curve', () => {
    const { privateKey } = generatedPair({ EC_PARAMS: P256 }, {}, { mechanism: CKM.EC_KEY_PAIR_GEN });
    const stored = altered(privateKey, { EC_PARAMS: P256 });
    change(stored, { EC_PARAMS: `0x130a${Buffer.from('prime256v1').toString('hex')}` });
    refused(CKR.ATTRIBUTE_READ_ONLY, () => change(stored, { EC_PARAMS: '0x06052b81040022' }));
  });

  test('by the vendor’s function', () => {
    const vendorChange = (values: Template): void => checkVendorChange(key, template(values));
    vendorChange({ LABEL: 'x', SENSITIVE: true, UNWRAP: false });
    refused(CKR.ATTRIBUTE_READ_ONLY, () => vendorChange({ SENSITIVE: false }));
    refused(CKR.ATTRIBUTE_READ_ONLY, () => vendorChange({ EXTRACTABLE: true }));
    refused(CKR.ATTRIBUTE_READ_ONLY, () => checkVendorChange(key, [{ type: CKA.SENSITIVE, value: null }]));
    refused(CKR.ATTRIBUTE_READ_ONLY, () => vendorChange({ ALLOWED_MECHANISMS: '' }));
    vendorChange({ ALLOWED_MECHANISMS: '0x5102000000000000', DKS_USE_LIMIT: 5 });
    const limited = altered(key, { DKS_USE_LIMIT: 5 });
    checkVendorChange(limited, template({ DKS_USE_LIMIT: 4 }));
    refused(CKR.ATTRIBUTE_READ_ONLY, () => checkVendorChange(limited, template({ DKS_USE_LIMIT: 6 })));
    refused(CKR.ATTRIBUTE_READ_ONLY, () => checkVendorChange(limited, [{ type: CKA.DKS_USE_LIMIT, value: null }]));
    const bare = keyViewOf({ type: KeyType.RSA_PRIVATE, curve: 0, bits: 2048, flags: 1, attributes: new Map() });
    checkVendorChange(bare, template({ SENSITIVE: false, SIGN: true, ALLOWED_MECHANISMS: '' }));
  });
});

describe('trusted wrapping', () => {
  const reserved = altered(target, { WRAP_WITH_TRUSTED: true });

  test('only the security officer makes a key trusted, and only one that keeps what it carries', () => {
    refused(CKR.ATTRIBUTE_READ_ONLY, () => generated({ TRUSTED: true }));
    refused(CKR.ATTRIBUTE_READ_ONLY, () => change(wrappingKey, { TRUSTED: true }));
    change(wrappingKey, { TRUSTED: true }, 'so');
    refused(CKR.ATTRIBUTE_READ_ONLY, () => change(altered(wrappingKey, { TRUSTED: true }), { TRUSTED: false }, 'so'));
    const both = generated({ ...WRAPPING, DECRYPT: true, SENSITIVE: false });
    refused(CKR.TEMPLATE_INCONSISTENT, () => change(both, { TRUSTED: true }, 'so'));
    refused(CKR.TEMPLATE_INCONSISTENT, () =>
      change(generated({ WRAP: true, EXTRACTABLE: true }), { TRUSTED: true }, 'so'),
    );
  });

  test('what asks for a trusted key gets no other', () => {
    refused(CKR.KEY_NOT_WRAPPABLE, () => wrap(wrappingKey, reserved));
    wrap(altered(wrappingKey, { TRUSTED: true }), reserved);
    checkWrap(altered(imported({ WRAP: true }), { TRUSTED: true }), reserved, KWP, DEFAULT_POLICY);
    refused(CKR.KEY_NOT_WRAPPABLE, () => checkWrap(wrappingKey, reserved, KWP, STANDARD));
  });
});

describe('strength', () => {
  test('no key is wrapped under a weaker one', () => {
    const aes128 = generated({ ...WRAPPING, VALUE_LEN: 16 });
    const { privateKey } = generatedPair(
      { EC_PARAMS: '0x06052b81040022' },
      { EXTRACTABLE: true },
      { mechanism: CKM.EC_KEY_PAIR_GEN },
    );
    refused(CKR.WRAPPING_KEY_SIZE_RANGE, () => wrap(aes128, target));
    refused(CKR.WRAPPING_KEY_SIZE_RANGE, () => wrap(aes128, privateKey));
    wrap(wrappingKey, privateKey);
    const weak = generatedPair({ WRAP: true, MODULUS_BITS: 2048 }, { UNWRAP: true }).publicKey;
    const aes = generated({ EXTRACTABLE: true, VALUE_LEN: 16 });
    refused(CKR.WRAPPING_KEY_SIZE_RANGE, () => wrap(weak, aes, CKM.RSA_PKCS_OAEP));
    const rsa = generatedPair({ WRAP: true, MODULUS_BITS: 8192 }, { UNWRAP: true }).publicKey;
    const parameter = (aesBits: number): Uint8Array =>
      writeParameter('rsaAesWrap', { aesBits, hash: CKM.SHA256, mgf: 2, label: new Uint8Array(0) });
    const ec = altered(privateKey, {});
    wrap(rsa, ec, CKM.RSA_AES_KEY_WRAP, parameter(256));
    refused(CKR.WRAPPING_KEY_SIZE_RANGE, () => wrap(rsa, ec, CKM.RSA_AES_KEY_WRAP, parameter(128)));
  });
});

describe('derivation', () => {
  const base = generatedSecret({ DERIVE: true });
  const hkdf = (values: Partial<Parameter<'hkdf'>>): Uint8Array => {
    const none = new Uint8Array(0);
    const plain = { extract: 0, expand: 1, prf: CKM.SHA256, saltType: 1, salt: none, saltKey: none, info: none };
    return writeParameter('hkdf', { ...plain, ...values });
  };
  const extraction = hkdf({ extract: 1, expand: 0 });

  test('from a sensitive secret key: sensitive, and too long to be guessed', () => {
    assert.ok(isProtected(derived([base], { VALUE_LEN: 16 })));
    refused(CKR.TEMPLATE_INCONSISTENT, () => derived([base], { SENSITIVE: false }));
    refused(CKR.TEMPLATE_INCONSISTENT, () => derived([base], { SENSITIVE: false, EXTRACTABLE: false }));
    for (const VALUE_LEN of [1, 8, 15]) refused(CKR.KEY_SIZE_RANGE, () => derived([base], { VALUE_LEN }));
  });

  test('from a private key: as the program likes, but no sensitive key bit by bit', () => {
    const { privateKey } = generatedPair({ EC_PARAMS: P256 }, { DERIVE: true }, { mechanism: CKM.EC_KEY_PAIR_GEN });
    const choice = { mechanism: CKM.ECDH1_DERIVE };
    derived([privateKey], { SENSITIVE: false, EXTRACTABLE: true, VALUE_LEN: 1 }, choice);
    refused(CKR.KEY_SIZE_RANGE, () => derived([privateKey], { VALUE_LEN: 1 }, choice));
    refused(CKR.KEY_SIZE_RANGE, () => derived([privateKey], { SENSITIVE: false, VALUE_LEN: 1 }, choice));
  });

  test('from a key encapsulation: no sensitive key bit by bit either', () => {
    const { privateKey } = generatedPair({ PARAMETER_SET: 2 }, {}, { mechanism: CKM.ML_KEM_KEY_PAIR_GEN });
    decapsulated(privateKey, { VALUE_LEN: 16 });
    decapsulated(privateKey, { SENSITIVE: false, EXTRACTABLE: true, VALUE_LEN: 1 });
    refused(CKR.KEY_SIZE_RANGE, () => decapsulated(privateKey, { VALUE_LEN: 15 }));
    const prescribed = writeAttributeTemplate(template({ SENSITIVE: true }));
    const careful = altered(privateKey, { DECAPSULATE_TEMPLATE: prescribed });
    refused(CKR.TEMPLATE_INCONSISTENT, () => decapsulated(careful, { SENSITIVE: false }));
    assert.ok(isProtected(decapsulated(careful, {})));
  });

  test('one derivation gives either base keys or keys for data', () => {
    refused(CKR.TEMPLATE_INCONSISTENT, () => derived([base], { DERIVE: true }));
    derived([base], { DERIVE: true }, { parameter: extraction });
    refused(CKR.TEMPLATE_INCONSISTENT, () => derived([base], { SIGN: true }, { parameter: extraction }));
    refused(CKR.TEMPLATE_INCONSISTENT, () => derived([base], { DERIVE: true }, { parameter: hkdf({ extract: 1 }) }));
  });

  test('a sensitive salt does not extract from a key that is known', () => {
    const known = imported({ KEY_TYPE: CKK.GENERIC_SECRET, DERIVE: true, SENSITIVE: false, EXTRACTABLE: true });
    const choice = { parameter: extraction };
    derived([base, base], { DERIVE: true }, choice);
    refused(CKR.TEMPLATE_INCONSISTENT, () => derived([known, base], { DERIVE: true }, choice));
    refused(CKR.TEMPLATE_INCONSISTENT, () => derived([known, base], { DERIVE: true, SENSITIVE: false }, choice));
  });

  test('keeps what is noted of its origin', () => {
    const key = derived([base], {});
    assert.deepEqual([has(key, CKA.ALWAYS_SENSITIVE), has(key, CKA.LOCAL)], [true, false]);
    const open = imported({ KEY_TYPE: CKK.GENERIC_SECRET, DERIVE: true, SENSITIVE: false });
    assert.equal(has(derived([open], {}), CKA.ALWAYS_SENSITIVE), false);
  });
});

describe('use', () => {
  const use = (key: KeyView, kind: Parameters<typeof checkUse>[1], mechanism: number, policy = DEFAULT_POLICY): void =>
    checkUse(key, kind, mechanism, policy, NOW);
  const aes = generated({});

  test('needs usage and mechanism', () => {
    use(aes, 'encrypt', CKM.AES_GCM);
    refused(CKR.KEY_FUNCTION_NOT_PERMITTED, () => use(aes, 'sign', CKM.AES_CMAC));
    refused(CKR.KEY_FUNCTION_NOT_PERMITTED, () => use(generated({ DECRYPT: true }), 'encrypt', CKM.AES_GCM));
    refused(CKR.KEY_TYPE_INCONSISTENT, () => use(aes, 'encrypt', CKM.RSA_PKCS));
    refused(CKR.WRAPPING_KEY_TYPE_INCONSISTENT, () => use(aes, 'wrap', CKM.RSA_PKCS));
    refused(CKR.UNWRAPPING_KEY_TYPE_INCONSISTENT, () => use(target, 'unwrap', CKM.AES_KEY_WRAP));
    refused(CKR.MECHANISM_INVALID, () => use(aes, 'encrypt', 0x133));
    refused(CKR.MECHANISM_INVALID, () => use(aes, 'encrypt', CKM.AES_KEY_WRAP));
    // Without integrity a wrapped key can be taken apart.
    for (const mechanism of [CKM.AES_ECB, CKM.AES_CBC, CKM.AES_CBC_PAD, CKM.AES_CTR, CKM.AES_GCM]) {
      refused(CKR.MECHANISM_INVALID, () => use(wrappingKey, 'wrap', mechanism));
      refused(CKR.MECHANISM_INVALID, () => use(wrappingKey, 'unwrap', mechanism));
    }
    for (const mechanism of [0x360, 0x362, 0x363, 0x364, 0x365, 0x1104, 0x1105]) {
      refused(CKR.MECHANISM_INVALID, () => use(altered(target, { DERIVE: true }), 'derive', mechanism));
    }
  });

  test('CKA_ALLOWED_MECHANISMS', () => {
    const key = generatedSecret({ SIGN: true, ALLOWED_MECHANISMS: '0x5102000000000000' });
    use(key, 'sign', CKM.SHA256_HMAC);
    refused(CKR.MECHANISM_INVALID, () => use(key, 'sign', CKM.SHA512_HMAC));
  });

  test('dates: nothing new after the end, nothing at all before the start', () => {
    const dated = (values: Template): KeyView => generated({ ...values });
    use(dated({ START_DATE: '20261125', END_DATE: '20261125' }), 'encrypt', CKM.AES_GCM);
    const over = dated({ END_DATE: '20261124' });
    refused(CKR.KEY_FUNCTION_NOT_PERMITTED, () => use(over, 'encrypt', CKM.AES_GCM));
    use(over, 'decrypt', CKM.AES_GCM);
    const early = dated({ START_DATE: '20261126' });
    refused(CKR.KEY_FUNCTION_NOT_PERMITTED, () => use(early, 'encrypt', CKM.AES_GCM));
    refused(CKR.KEY_FUNCTION_NOT_PERMITTED, () => use(early, 'decrypt', CKM.AES_GCM));
  });

  test('a policy without outdated cryptography', () => {
    const policy = { ...DEFAULT_POLICY, legacyMechanisms: false };
    const { privateKey } = generatedPair({ MODULUS_BITS: 2048 }, {});
    use(privateKey, 'sign', CKM.SHA1_RSA_PKCS);
    use(privateKey, 'sign', CKM.SHA256_RSA_PKCS, policy);
    refused(CKR.MECHANISM_INVALID, () => use(privateKey, 'sign', CKM.SHA1_RSA_PKCS, policy));
    const small = generatedPair({ MODULUS_BITS: 1024 }, {});
    refused(CKR.KEY_SIZE_RANGE, () => use(small.privateKey, 'sign', CKM.SHA256_RSA_PKCS, policy));
    refused(CKR.KEY_SIZE_RANGE, () => generatedPair({ MODULUS_BITS: 1024 }, {}, { policy }));
  });

  test('a policy without keys in plaintext', () => {
    const policy = { ...DEFAULT_POLICY, plaintextImport: false };
    refused(CKR.TEMPLATE_INCONSISTENT, () => imported({}, { policy }));
  });

  test('keys that were made without a template go by their flags', () => {
    const { DIGITALSIGNATURE, EXPORTABLE, TOKEN } = KeyFlags;
    const bare = (flags: number): KeyView =>
      keyViewOf({ type: KeyType.RSA_PRIVATE, curve: 0, bits: 2048, flags, attributes: new Map() });
    use(bare(DIGITALSIGNATURE | TOKEN), 'sign', CKM.RSA_PKCS);
    refused(CKR.KEY_FUNCTION_NOT_PERMITTED, () => use(bare(TOKEN), 'sign', CKM.RSA_PKCS));
    refused(CKR.ATTRIBUTE_SENSITIVE, () => checkValueRead(bare(EXPORTABLE)));
    checkVendorExport(bare(EXPORTABLE));
    refused(CKR.KEY_UNEXTRACTABLE, () => checkVendorExport(bare(TOKEN)));
    refused(CKR.KEY_NOT_WRAPPABLE, () => checkVendorExport(altered(target, { WRAP_WITH_TRUSTED: true })));
    refused(CKR.KEY_UNEXTRACTABLE, () => wrap(wrappingKey, bare(TOKEN)));
  });
});

test('values that may be read', () => {
  checkValueRead(generated({ SENSITIVE: false, EXTRACTABLE: true }));
  for (const values of [
    { SENSITIVE: true, EXTRACTABLE: true },
    { SENSITIVE: false, EXTRACTABLE: false },
    {},
  ] as const) {
    refused(CKR.ATTRIBUTE_SENSITIVE, () => checkValueRead(generated(values)));
  }
});

test('CKA_DESTROYABLE', () => {
  checkDestroy(target);
  refused(CKR.ACTION_PROHIBITED, () => checkDestroy(altered(target, { DESTROYABLE: false })));
});

test('CKA_ALWAYS_AUTHENTICATE goes with CKA_PRIVATE', () => {
  generatedPair({}, { ALWAYS_AUTHENTICATE: true });
  refused(CKR.TEMPLATE_INCONSISTENT, () => generatedPair({}, { ALWAYS_AUTHENTICATE: true, PRIVATE: false }));
});

function change(key: KeyView, values: Template, role: 'user' | 'so' = 'user'): void {
  checkChange(key, template(values), role, DEFAULT_POLICY);
}

test('a closed pair is noted by the device, whatever a template says', () => {
  refused(CKR.ATTRIBUTE_READ_ONLY, () => generatedPair({ DKS_CLOSED_PAIR: true }, {}));
  refused(CKR.ATTRIBUTE_READ_ONLY, () => change(wrappingKey, { LOCAL: false }));
  assert.deepEqual(generatedPair({}, {}).publicKey.attributes.get(CKA.DKS_CLOSED_PAIR), FALSE);
  assert.deepEqual(wrappingKey.attributes.get(CKA.KEY_GEN_MECHANISM), ulongValue(CKM.AES_KEY_GEN));
  assert.equal(wrappingKey.objectClass, CKO.SECRET_KEY);
});
