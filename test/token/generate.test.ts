import assert from 'node:assert/strict';
import { createHash, createPublicKey } from 'node:crypto';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { objectDescription } from '#src/cryptoki/attributes.ts';
import { subjectPublicKey } from '#src/cryptoki/public-key-info.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { KeyFlags } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { idOf } from '#src/token/uuid.ts';
import { type Found, randomUuid, rejectsWith, type Setup, startToken } from './start-token.ts';
import { CASES } from './program-templates.ts';
import { ED25519, P256, type Template } from './templates.ts';

/** Attributes that a key has only if its template says so, or its device. */
const OPTIONAL = new Set<string>([
  'ALLOWED_MECHANISMS',
  ...['WRAP_TEMPLATE', 'UNWRAP_TEMPLATE', 'DERIVE_TEMPLATE', 'ENCAPSULATE_TEMPLATE', 'DECAPSULATE_TEMPLATE'],
  ...['DKS_USE_COUNT', 'DKS_USE_LIMIT', 'DKS_CLOSED_PAIR', 'CHECK_VALUE'],
]);

function entryOf({ fleet }: Setup, { object }: Found): KeyEntry {
  const entry = fleet.keys.get(idOf(object));
  assert.ok(entry);
  return entry;
}

describe('key pairs as real programs ask for them', () => {
  for (const { program, mechanism, publicTemplate, privateTemplate, publicHas, privateHas } of CASES) {
    test(program, async () => {
      const setup = startToken();
      const { publicKey, privateKey } = await setup.user.generate(mechanism, publicTemplate, privateTemplate);
      publicKey.assertHas({ ...publicTemplate, CLASS: CKO.PUBLIC_KEY, LOCAL: true, ...publicHas }, 'public');
      privateKey.assertHas({ ...privateTemplate, CLASS: CKO.PRIVATE_KEY, LOCAL: true, ...privateHas }, 'private');
      assert.equal(publicKey.get('ID'), privateKey.get('ID'), 'both halves have one CKA_ID');

      // Every attribute of the class that is not secret can be read, and nothing else.
      for (const half of [publicKey, privateKey]) {
        const keyType = Number(half.attributes.get(CKA.KEY_TYPE)?.[0]);
        const rules = objectDescription(half === publicKey ? CKO.PUBLIC_KEY : CKO.PRIVATE_KEY, keyType)?.rules;
        for (const rule of rules?.values() ?? []) {
          const given = half === publicKey ? publicTemplate : privateTemplate;
          const isAlways = rule.default !== undefined || rule.name in given || !OPTIONAL.has(rule.name);
          const expected = !rule.sensitive && isAlways;
          assert.equal(half.attributes.has(rule.type), expected, `${half.get('CLASS')} ${rule.name}`);
        }
      }
      const publicInfo = createPublicKey({
        key: Buffer.from(privateKey.get('PUBLIC_KEY_INFO') ?? '', 'hex'),
        format: 'der',
        type: 'spki',
      });
      assert.equal(publicInfo.type, 'public');
      assert.match(
        Buffer.from(privateKey.attributes.get(CKA.UNIQUE_ID) ?? []).toString(),
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/,
      );

      // The key store has what the vendor's library needs, with its lengths.
      for (const half of [publicKey, privateKey]) {
        const { attributes } = entryOf(setup, half);
        for (const type of [CKA.CLASS, CKA.KEY_TYPE, CKA.KEY_GEN_MECHANISM])
          assert.equal(attributes.get(type)?.length, 8);
        for (const type of [CKA.TOKEN, CKA.PRIVATE, CKA.LOCAL, CKA.MODIFIABLE])
          assert.equal(attributes.get(type)?.length, 1);
        for (const type of [CKA.LABEL, CKA.SUBJECT, CKA.START_DATE]) assert.ok(attributes.get(type));
      }
      const stored = entryOf(setup, privateKey).attributes;
      assert.equal(stored.has(CKA.EC_POINT), false, 'a vendor client finds what it found before');
      for (const type of [CKA.UNIQUE_ID, CKA.COPYABLE, CKA.ALWAYS_AUTHENTICATE]) assert.equal(stored.has(type), false);

      // Every search finds them.
      const searches: Template[] = [
        { CLASS: CKO.PRIVATE_KEY },
        { ID: Buffer.from(privateKey.get('ID') ?? '', 'hex'), CLASS: CKO.PRIVATE_KEY },
        { UNIQUE_ID: privateKey.attributes.get(CKA.UNIQUE_ID) ?? '' },
      ];
      for (const search of searches) {
        const [found, ...others] = await setup.user.find(search);
        assert.deepEqual([found?.object, others.length], [privateKey.object, 0]);
        assert.deepEqual(found?.attributes, privateKey.attributes);
      }
    });
  }
});

test('key flags follow the template', async () => {
  const setup = startToken();
  const flags = async (publicTemplate: Template, privateTemplate: Template): Promise<[number, number]> => {
    const pair = await setup.user.generate(
      CKM.EC_KEY_PAIR_GEN,
      { EC_PARAMS: P256, ...publicTemplate },
      privateTemplate,
    );
    return [entryOf(setup, pair.privateKey).flags, entryOf(setup, pair.publicKey).flags];
  };
  const { DIGITALSIGNATURE, KEYENCIPHERMENT, DATAENCIPHERMENT, TOKEN, PUBLIC, EXPORTABLE } = KeyFlags;
  assert.deepEqual(await flags({}, {}), [DIGITALSIGNATURE, DIGITALSIGNATURE | PUBLIC | EXPORTABLE]);
  assert.deepEqual(
    await flags({ TOKEN: true, PRIVATE: true, WRAP: true }, { TOKEN: true, UNWRAP: true, EXTRACTABLE: true }),
    [TOKEN | KEYENCIPHERMENT | EXPORTABLE, TOKEN | KEYENCIPHERMENT | EXPORTABLE],
  );
  assert.deepEqual(await flags({ ENCRYPT: true, VERIFY: true }, { PRIVATE: false, DECRYPT: true }), [
    DATAENCIPHERMENT | PUBLIC,
    DATAENCIPHERMENT | DIGITALSIGNATURE | PUBLIC | EXPORTABLE,
  ]);
});

test('a pair without CKA_ID gets the same hash of the public key on both halves', async () => {
  const { user, fleet } = startToken();
  const { publicKey, privateKey } = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {});
  const key = subjectPublicKey(publicKey.attributes.get(CKA.PUBLIC_KEY_INFO) as Uint8Array);
  assert.equal(privateKey.get('ID'), createHash('sha1').update(key).digest('hex'));
  assert.equal(privateKey.get('ID'), publicKey.get('ID'));
  assert.equal((await user.find({ ID: Buffer.from(publicKey.get('ID') ?? '', 'hex') })).length, 2);
  const changed = await user.set(privateKey.object, { ID: '0x55' });
  assert.equal(changed.get('ID'), '55');

  fleet.requests.length = 0;
  await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, { ID: '' });
  assert.deepEqual(fleet.requests, ['createPair'], 'an empty CKA_ID that was asked for stays');
});

test('the same request twice gives the same pair', async () => {
  const { user, fleet } = startToken();
  const request = randomUuid();
  const first = await user.generate(
    CKM.EC_EDWARDS_KEY_PAIR_GEN,
    { EC_PARAMS: ED25519, TOKEN: true },
    { TOKEN: true },
    request,
  );
  const second = await user.generate(
    CKM.EC_EDWARDS_KEY_PAIR_GEN,
    { EC_PARAMS: ED25519, TOKEN: true },
    { TOKEN: true },
    request,
  );
  assert.deepEqual(first, second);
  assert.equal(fleet.keys.size, 2);
  assert.notDeepEqual(first.publicKey.object, first.privateKey.object);
  await user.generate(CKM.EC_EDWARDS_KEY_PAIR_GEN, { EC_PARAMS: ED25519 }, {}, new Uint8Array(16));
  await user.generate(CKM.EC_EDWARDS_KEY_PAIR_GEN, { EC_PARAMS: ED25519 }, {}, new Uint8Array(16));
  assert.equal(fleet.keys.size, 6, 'a request of zeros is never the same');
});

describe('what is refused leaves nothing behind', () => {
  const RSA = CKM.RSA_PKCS_KEY_PAIR_GEN;
  const EC = CKM.EC_KEY_PAIR_GEN;
  const ED = CKM.EC_EDWARDS_KEY_PAIR_GEN;
  const bits = { MODULUS_BITS: 2048 };
  const p256 = { EC_PARAMS: P256 };
  const cases: [string, number, Template, Template, number][] = [
    ['no mechanism of generation', CKM.ECDSA, p256, {}, CKR.MECHANISM_INVALID],
    ['unknown mechanism', 0x9999, p256, {}, CKR.MECHANISM_INVALID],
    ['no size', RSA, {}, {}, CKR.TEMPLATE_INCOMPLETE],
    ['no curve', EC, {}, {}, CKR.TEMPLATE_INCOMPLETE],
    ['a curve in the private template only', EC, {}, p256, CKR.TEMPLATE_INCOMPLETE],
    ['512 bits', RSA, { MODULUS_BITS: 512 }, {}, CKR.ATTRIBUTE_VALUE_INVALID],
    ['1025 bits', RSA, { MODULUS_BITS: 1025 }, {}, CKR.ATTRIBUTE_VALUE_INVALID],
    ['16384 bits', RSA, { MODULUS_BITS: 16384 }, {}, CKR.ATTRIBUTE_VALUE_INVALID],
    ['a size of 3 bytes', RSA, { MODULUS_BITS: '0x000800' }, {}, CKR.ATTRIBUTE_VALUE_INVALID],
    ['exponent 3', RSA, { ...bits, PUBLIC_EXPONENT: '0x03' }, {}, CKR.TEMPLATE_INCONSISTENT],
    ['exponent 2^32+1', RSA, { ...bits, PUBLIC_EXPONENT: '0x0100000001' }, {}, CKR.TEMPLATE_INCONSISTENT],
    ['an empty exponent', RSA, { ...bits, PUBLIC_EXPONENT: '' }, {}, CKR.ATTRIBUTE_VALUE_INVALID],
    ['an unknown attribute', RSA, { ...bits, VALUE: '0x00' }, {}, CKR.ATTRIBUTE_TYPE_INVALID],
    ['an attribute of another class', RSA, { ...bits, SIGN: true }, {}, CKR.ATTRIBUTE_TYPE_INVALID],
    ['P-224', EC, { EC_PARAMS: '0x06052b81040021' }, {}, CKR.CURVE_NOT_SUPPORTED],
    ['explicit parameters', EC, { EC_PARAMS: '0x3003020101' }, {}, CKR.CURVE_NOT_SUPPORTED],
    ['a curve by an unknown name', EC, { EC_PARAMS: '0x1303666f6f' }, {}, CKR.CURVE_NOT_SUPPORTED],
    ['a truncated curve', EC, { EC_PARAMS: '0x06082a8648ce3d0301' }, {}, CKR.ATTRIBUTE_VALUE_INVALID],
    ['an empty curve', EC, { EC_PARAMS: '' }, {}, CKR.ATTRIBUTE_VALUE_INVALID],
    ['an Edwards curve for ECDSA', EC, { EC_PARAMS: ED25519 }, {}, CKR.CURVE_NOT_SUPPORTED],
    ['a NIST curve for EdDSA', ED, p256, {}, CKR.CURVE_NOT_SUPPORTED],
    ['the wrong class', EC, { ...p256, CLASS: CKO.PRIVATE_KEY }, {}, CKR.TEMPLATE_INCONSISTENT],
    ['the wrong key type', EC, p256, { KEY_TYPE: CKK.RSA }, CKR.TEMPLATE_INCONSISTENT],
    ['CK_BBOOL of 2', EC, p256, { SIGN: '0x02' }, CKR.ATTRIBUTE_VALUE_INVALID],
    ['CK_BBOOL of 4 bytes', EC, p256, { SIGN: '0x01000000' }, CKR.ATTRIBUTE_VALUE_INVALID],
    ['month 13', EC, p256, { START_DATE: '20261301' }, CKR.ATTRIBUTE_VALUE_INVALID],
    ['a date of 7 bytes', EC, p256, { END_DATE: '2026120' }, CKR.ATTRIBUTE_VALUE_INVALID],
    ['CKA_LOCAL false', EC, p256, { LOCAL: false }, CKR.ATTRIBUTE_READ_ONLY],
    ['CKA_UNIQUE_ID', EC, p256, { UNIQUE_ID: 'mine' }, CKR.ATTRIBUTE_READ_ONLY],
    [
      'CKA_NEVER_EXTRACTABLE for an extractable key',
      EC,
      p256,
      { EXTRACTABLE: true, NEVER_EXTRACTABLE: true },
      CKR.ATTRIBUTE_READ_ONLY,
    ],
    ['another curve in the private template', EC, p256, { EC_PARAMS: ED25519 }, CKR.ATTRIBUTE_READ_ONLY],
    ['a trusted public key', EC, { ...p256, TRUSTED: true }, {}, CKR.ATTRIBUTE_READ_ONLY],
  ];
  for (const [name, mechanism, publicTemplate, privateTemplate, ckr] of cases) {
    test(name, async () => {
      const { user, fleet } = startToken();
      await rejectsWith(user.generate(mechanism, publicTemplate, privateTemplate), ckr, name);
      assert.deepEqual([fleet.keys.size, fleet.requests], [0, []]);
    });
  }

  test('one attribute twice: the same value is fine, another is not', async () => {
    const { user } = startToken();
    const ask = (second: string) =>
      user.call('KEY_PAIR_GENERATE', {
        session: 1,
        request: randomUuid(),
        mechanism: EC,
        parameter: new Uint8Array(0),
        publicTemplate: [{ type: CKA.EC_PARAMS, value: Buffer.from('06082a8648ce3d030107', 'hex') }],
        privateTemplate: [
          { type: CKA.LABEL, value: Buffer.from('a') },
          { type: CKA.LABEL, value: Buffer.from(second) },
        ],
      });
    await ask('a');
    await rejectsWith(ask('b'), CKR.TEMPLATE_INCONSISTENT);
  });

  test('values that the token would set anyway may be repeated', async () => {
    const { user } = startToken();
    await user.generate(
      EC,
      { ...p256, LOCAL: true },
      { EC_PARAMS: P256, ALWAYS_SENSITIVE: true, NEVER_EXTRACTABLE: true },
    );
  });

  test('a device error in either step', async () => {
    const { user, fleet } = startToken();
    for (const [name, error, ckr] of [
      ['createPair', new HalError('NO_KEY_INDEX_SLOTS'), CKR.DEVICE_MEMORY],
      ['createPair', new HalError('MASTERKEY_NOT_SET'), CKR.DEVICE_ERROR],
      ['setAttributes', new HalError('IO_TIMEOUT'), CKR.DEVICE_ERROR],
    ] as const) {
      fleet.failNext = { name, error };
      await rejectsWith(user.generate(EC, { ...p256, TOKEN: true }, { TOKEN: true }), ckr);
      assert.equal(fleet.keys.size, 0, name);
    }
  });

  test('without login only public session keys', async () => {
    const { visitor, fleet } = startToken();
    await rejectsWith(visitor.generate(EC, p256, {}), CKR.USER_NOT_LOGGED_IN);
    await rejectsWith(visitor.generate(EC, { ...p256, TOKEN: true }, { PRIVATE: false }), CKR.USER_NOT_LOGGED_IN);
    assert.equal(fleet.keys.size, 0);
    await visitor.generate(EC, p256, { PRIVATE: false });
    assert.equal(fleet.keys.size, 2);
  });
});
