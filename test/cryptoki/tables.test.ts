import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type AttributeRule } from '#src/cryptoki/attribute-rules.ts';
import { objectDescription, OBJECTS } from '#src/cryptoki/attributes.ts';
import { CKA, CKF_MECHANISM, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { CURVES, curveDescription, curveOfParams } from '#src/cryptoki/curves.ts';
import { createRequest } from '#src/cryptoki/created-objects.ts';
import { attributeRows, mechanismRows, objectClasses } from '#src/cryptoki/feature-table.ts';
import { keyPairRequest } from '#src/cryptoki/key-pair.ts';
import { DIGESTS, digestOf } from '#src/cryptoki/digests.ts';
import { MECHANISMS, mechanismOf } from '#src/cryptoki/mechanisms.ts';
import { PARAMETER_SCHEMAS } from '#src/cryptoki/parameters.ts';
import { ckrOfStatus } from '#src/cryptoki/status-mapping.ts';
import { normalise, ulongOf, ulongValue } from '#src/cryptoki/values.ts';
import { CkrError, HalStatus } from '#src/wire/status.ts';

describe('the attribute table', () => {
  for (const { name, rules, defaultUsage } of OBJECTS) {
    test(name, () => {
      for (const rule of rules.values()) {
        assert.equal(CKA[rule.name], rule.type);
        if (rule.default) assert.deepEqual(normalise(rule.kind, rule.default), rule.default, rule.name);
        if (rule.flagIfTrue !== 0 || rule.flagIfFalse !== 0 || rule.usage) assert.equal(rule.kind, 'bool');
        if (rule.set === 'toTrue' || rule.set === 'toFalse') assert.equal(rule.kind, 'bool');
        if (rule.sensitive) assert.deepEqual([rule.stored, rule.set, rule.copy], [false, 'no', 'no'], rule.name);
      }
      for (const usage of defaultUsage) assert.ok(rules.get(usage)?.usage);
    });
  }

  test('has what the vendor library stores and reads, stored by default', () => {
    const common = [
      'CLASS',
      'TOKEN',
      'PRIVATE',
      'LABEL',
      'KEY_TYPE',
      'SUBJECT',
      'ID',
      'DERIVE',
      'START_DATE',
      'END_DATE',
    ];
    const all = [...common, 'LOCAL', 'KEY_GEN_MECHANISM', 'MODIFIABLE'];
    const open = ['TRUSTED', 'ENCRYPT', 'WRAP', 'VERIFY', 'VERIFY_RECOVER'];
    const secret = ['SENSITIVE', 'DECRYPT', 'UNWRAP', 'SIGN', 'SIGN_RECOVER', 'EXTRACTABLE', 'WRAP_WITH_TRUSTED'];
    const vendorTypes: unknown[] = [CKK.RSA, CKK.EC, CKK.EC_EDWARDS];
    for (const description of OBJECTS.filter(({ keyType }) => vendorTypes.includes(keyType))) {
      const isPublic = description.class === CKO.PUBLIC_KEY;
      const key =
        description.keyType === CKK.RSA
          ? ['MODULUS', 'PUBLIC_EXPONENT', ...(isPublic ? ['MODULUS_BITS'] : [])]
          : ['EC_PARAMS', ...(isPublic ? ['EC_POINT'] : [])];
      const stored = [...all, ...(isPublic ? open : [...secret, 'ALWAYS_SENSITIVE', 'NEVER_EXTRACTABLE']), ...key];
      const names = [...description.rules.values()].filter((rule) => rule.stored).map((rule) => rule.name as string);
      // Only given ones are stored of this: it has no default.
      assert.deepEqual(new Set(names), new Set([...stored, 'ALLOWED_MECHANISMS']), description.name);
    }
  });

  test('as rows for the manual', () => {
    const named = (type: string): ReturnType<typeof attributeRows> =>
      attributeRows(CKO.PRIVATE_KEY).filter(({ attribute }) => attribute === type);
    const most = { kind: 'bool', create: 'may', generate: 'may', unwrap: 'may', derive: 'may' };
    assert.deepEqual(named('CKA_SENSITIVE'), [
      { attribute: 'CKA_SENSITIVE', of: '', ...most, default: 'TRUE', set: 'to TRUE', copy: 'to TRUE' },
    ]);
    assert.deepEqual(
      named('CKA_UNWRAP').map(({ of, default: value }) => [of, value]),
      [
        ['RSA', 'as CKA_DECRYPT'],
        ['EC, Edwards, Montgomery, ML-DSA, SLH-DSA, ML-KEM', 'FALSE'],
      ],
    );
    for (const { class: objectClass, rules } of OBJECTS) {
      assert.ok(attributeRows(objectClass).length >= rules.size);
      assert.ok(objectClasses().some(([number]) => number === objectClass));
    }
    assert.deepEqual(
      mechanismRows().find(({ mechanism }) => mechanism === 'CKM_ECDSA_SHA384'),
      {
        mechanism: 'CKM_ECDSA_SHA384',
        keyTypes: 'CKK_EC',
        keySizes: '256 to 521 bits',
        functions: 'sign, verify, sign messages, verify messages',
        standard: 'FIPS 186-5',
        parts: 'yes',
        legacy: false,
      },
    );
  });
});

describe('the mechanism table', () => {
  test('every row can be used, and says what for', () => {
    for (const row of MECHANISMS) {
      const { name, flags, digest, parts, parameter, minKeySize, maxKeySize } = row;
      assert.equal(mechanismOf(CKM[name]), row);
      assert.equal(parts === 'digest', digest !== undefined, name);
      assert.ok(minKeySize <= maxKeySize, name);
      assert.notEqual(flags & ~CKF_MECHANISM.HW, 0, name);
      assert.ok(parameter === 'none' || Object.hasOwn(PARAMETER_SCHEMAS, parameter));
    }
    assert.equal(new Set(MECHANISMS.map(({ mechanism }) => mechanism)).size, MECHANISMS.length);
  });

  test('the DigestInfo of every digest', () => {
    const names = [
      [CKM.MD5, 'md5', '2a864886f70d0205'],
      [CKM.SHA_1, 'sha1', '2b0e03021a'],
      [CKM.SHA224, 'sha224', '608648016503040204'],
      [CKM.SHA256, 'sha256', '608648016503040201'],
      [CKM.SHA384, 'sha384', '608648016503040202'],
      [CKM.SHA512, 'sha512', '608648016503040203'],
      [CKM.SHA512_224, 'sha512-224', '608648016503040205'],
      [CKM.SHA512_256, 'sha512-256', '608648016503040206'],
      [CKM.SHA3_224, 'sha3-224', '608648016503040207'],
      [CKM.SHA3_256, 'sha3-256', '608648016503040208'],
      [CKM.SHA3_384, 'sha3-384', '608648016503040209'],
      [CKM.SHA3_512, 'sha3-512', '60864801650304020a'],
    ] as const;
    for (const [mechanism, hash, oid] of names) {
      const { size, digestInfo } = digestOf(mechanism) ?? assert.fail(hash);
      assert.equal(size, createHash(hash).digest().length);
      const identifier = `06${(oid.length / 2).toString(16).padStart(2, '0')}${oid}0500`;
      const algorithm = `30${(identifier.length / 2).toString(16).padStart(2, '0')}${identifier}`;
      const total = algorithm.length / 2 + 2 + size;
      const expected = `30${total.toString(16)}${algorithm}04${size.toString(16)}`;
      assert.equal(Buffer.from(digestInfo).toString('hex'), expected);
    }
    assert.equal(DIGESTS.filter(({ mechanism }) => mechanism !== undefined).length, names.length);
    for (const { openssl, size } of DIGESTS)
      assert.equal(createHash(openssl, { outputLength: size }).digest().length, size);
  });
});

test('curves by object identifier and by name', () => {
  for (const curve of CURVES) {
    assert.equal(curveOfParams(curve.oid), curve);
    assert.equal(curveDescription(curve.curve), curve);
    for (const name of curve.names) {
      assert.equal(curveOfParams(Buffer.concat([Buffer.of(0x13, name.length), Buffer.from(name)])), curve);
    }
  }
  assert.equal(curveDescription(0), undefined);
});

test('CK_ULONG of 8 and 4 bytes', () => {
  assert.deepEqual(ulongValue(0x1055), Uint8Array.of(0x55, 0x10, 0, 0, 0, 0, 0, 0));
  assert.equal(ulongOf(Uint8Array.of(0x55, 0x10, 0, 0)), 0x1055n);
  assert.equal(ulongOf(Uint8Array.of(0xff, 0xff, 0xff, 0xff)), 0xffff_ffff_ffff_ffffn, 'unavailable stays unavailable');
  for (const length of [0, 1, 3, 5, 7, 9]) assert.equal(ulongOf(new Uint8Array(length)), undefined);
});

test('every status has a return value, none a success but OK', () => {
  for (const [name, status] of Object.entries(HalStatus)) {
    assert.equal(ckrOfStatus(status) === CKR.OK, name === 'OK', name);
  }
  assert.equal(ckrOfStatus(99), CKR.FUNCTION_FAILED);
});

describe('templates of any content', () => {
  const types = fc.constantFrom<number>(...Object.values(CKA), 0x8000_0001, 0x4000_0212);
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.constantFrom(Uint8Array.of(1), Uint8Array.of(0), ...CURVES.map(({ oid }) => oid)),
    fc.constantFrom(2, 3, 0x40, 1024, 2048).map(ulongValue),
  );
  const template = fc.array(fc.record({ type: types, value }), { maxLength: 8 });

  test('give a request that obeys the table, or a return value that is about the template', () => {
    const expected: number[] = [
      CKR.ATTRIBUTE_READ_ONLY,
      CKR.ATTRIBUTE_TYPE_INVALID,
      CKR.ATTRIBUTE_VALUE_INVALID,
      CKR.TEMPLATE_INCOMPLETE,
      CKR.TEMPLATE_INCONSISTENT,
      CKR.CURVE_NOT_SUPPORTED,
      CKR.PARAMETER_SET_NOT_SUPPORTED,
    ];
    const rulesOf = (objectClass: number, keyType: number | undefined): ReadonlyMap<number, AttributeRule> =>
      objectDescription(objectClass, keyType)?.rules ?? new Map();
    const check = (attributes: ReadonlyMap<number, Uint8Array>): void => {
      const keyType = ulongOf(attributes.get(CKA.KEY_TYPE));
      const objectClass = Number(ulongOf(attributes.get(CKA.CLASS)));
      const rules = rulesOf(objectClass, keyType === undefined ? undefined : Number(keyType));
      assert.ok(rules.size > 0);
      for (const [type, bytes] of attributes) {
        const rule = rules.get(type);
        assert.ok(rule && !rule.sensitive);
        assert.deepEqual(normalise(rule.kind, bytes), Uint8Array.from(bytes));
      }
    };
    const attempt = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        assert.ok(error instanceof CkrError && expected.includes(error.ckr), String(error));
      }
    };
    const mechanisms = [CKM.RSA_PKCS_KEY_PAIR_GEN, CKM.EC_KEY_PAIR_GEN, CKM.EC_EDWARDS_KEY_PAIR_GEN];
    fc.assert(
      fc.property(fc.constantFrom(...mechanisms), template, template, (mechanism, publicTemplate, privateTemplate) => {
        attempt(() => {
          const { publicKey, privateKey } = keyPairRequest(mechanism, publicTemplate, privateTemplate);
          check(publicKey.attributes);
          check(privateKey.attributes);
        });
        attempt(() => check(createRequest(publicTemplate, 'user').attributes));
      }),
      { numRuns: 2000 },
    );
  });
});
