import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { Curve, KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { NONE, rejectsWith, startToken } from './start-token.ts';
import { ED25519, P256, type Template } from './templates.ts';

const EC = CKM.EC_KEY_PAIR_GEN;
const TOKEN = { TOKEN: true };

describe('searches', () => {
  test('those of the known programs', async () => {
    const { user } = startToken();
    for (const [label, id] of [
      ['a', '0x01'],
      ['b', '0x02'],
      ['b', '0x0002'],
    ] as const) {
      await user.generate(EC, { EC_PARAMS: P256, LABEL: label, ID: id, ...TOKEN }, { LABEL: label, ID: id, ...TOKEN });
    }
    await user.generate(CKM.EC_EDWARDS_KEY_PAIR_GEN, { EC_PARAMS: ED25519, LABEL: 'ed' }, { LABEL: 'ed', ID: '' });
    const counts: [Template, number][] = [
      [{}, 8],
      [{ CLASS: CKO.PRIVATE_KEY }, 4],
      [{ CLASS: CKO.PRIVATE_KEY, ID: '0x01' }, 1],
      [{ ID: '0x02' }, 2],
      [{ ID: '0x0002' }, 2],
      [{ ID: '0x0200' }, 0],
      [{ ID: '' }, 2],
      [{ CLASS: CKO.PUBLIC_KEY, LABEL: 'b' }, 2],
      [{ LABEL: 'b' }, 4],
      [{ LABEL: 'B' }, 0],
      [{ CLASS: CKO.PRIVATE_KEY, ID: '0x02', LABEL: 'b' }, 1],
      [{ CLASS: CKO.PRIVATE_KEY, ID: '0x02', LABEL: 'a' }, 0],
      [{ ID: '0x01', CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.EC }, 1],
      [{ ID: '0x01', CLASS: CKO.PRIVATE_KEY, SIGN: true }, 1],
      [{ ID: '0x01', CLASS: CKO.PRIVATE_KEY, SIGN: false }, 0],
      [{ TOKEN: true, CLASS: CKO.PRIVATE_KEY }, 3],
      [{ TOKEN: false }, 2],
      [{ KEY_TYPE: CKK.EC_EDWARDS }, 2],
      [{ LABEL: 'a', KEY_TYPE: CKK.EC, CLASS: CKO.PUBLIC_KEY, ID: '0x01' }, 1],
      [{ CLASS: '0x03000000' }, 4],
      [{ CLASS: '0x0300' }, 0],
      [{ CLASS: CKO.CERTIFICATE }, 0],
      [{ CLASS: CKO.SECRET_KEY, VALUE_LEN: 32 }, 0],
      [{ CLASS: CKO.CERTIFICATE, SUBJECT: 'x' }, 0],
      [{ CLASS: 0xce534351 }, 0],
      [{ CLASS: 0x77 }, 0],
      [{ PRIME_1: '0x01' }, 0],
      [{ UNIQUE_ID: 'nonsense' }, 0],
    ];
    for (const [search, count] of counts) {
      assert.equal((await user.find(search)).length, count, JSON.stringify(search));
      // Numbers compare as numbers and order does not matter.
      const reversed = Object.fromEntries(Object.entries(search).reverse()) as Template;
      assert.equal((await user.find(reversed)).length, count, JSON.stringify(reversed));
    }
  });

  test('pages of every size give each object once, in ascending order', async () => {
    const { user } = startToken();
    for (let i = 0; i < 6; i++)
      await user.generate(EC, { EC_PARAMS: P256, LABEL: 'x', ...TOKEN }, { LABEL: 'x', ...TOKEN });
    for (const search of [{}, { LABEL: 'x' }, { CLASS: CKO.PUBLIC_KEY }]) {
      const all = (await user.find(search)).map(({ object }) => Buffer.from(object).toString('hex'));
      assert.deepEqual(all, all.toSorted());
      for (const limit of [1, 2, 5, 12, 13, 5000]) {
        const paged = (await user.find(search, limit)).map(({ object }) => Buffer.from(object).toString('hex'));
        assert.deepEqual(paged, all, `limit ${limit}`);
      }
    }
  });

  test('a page never outgrows a message', async () => {
    const { user } = startToken();
    const label = 'x'.repeat(60_000);
    for (let i = 0; i < 12; i++) await user.generate(EC, { EC_PARAMS: P256, LABEL: label }, { LABEL: label });
    const page = await user.call('OBJECT_FIND', { template: [], after: NONE, limit: 0 });
    assert.equal(page.more, 1);
    assert.equal((await user.find({})).length, 24);
  });

  test('without login and as SO: public objects only', async () => {
    const { user, visitor, fleet } = startToken();
    await user.generate(EC, { EC_PARAMS: P256, ...TOKEN }, TOKEN);
    await user.generate(EC, { EC_PARAMS: P256, PRIVATE: true, ...TOKEN }, { PRIVATE: false, ...TOKEN });
    const classes = new Set((await visitor.find({})).map((found) => found.get('CLASS')));
    assert.deepEqual(classes, new Set(['0200000000000000', '0300000000000000']));
    visitor.connection.user = User.SO;
    assert.equal((await visitor.find({})).length, 2);
    visitor.connection.user = User.WHEEL;
    assert.equal((await visitor.find({})).length, 4);
    assert.equal(fleet.keys.size, 4);
  });

  test("another application's session objects are not there", async () => {
    const { user, visitor } = startToken();
    const { publicKey } = await user.generate(EC, { EC_PARAMS: P256 }, {});
    visitor.connection.user = User.NORMAL;
    assert.equal((await visitor.find({})).length, 0);
    await rejectsWith(visitor.call('OBJECT_GET', { object: publicKey.object }), CKR.OBJECT_HANDLE_INVALID);
    await rejectsWith(visitor.call('OBJECT_DESTROY', { object: publicKey.object }), CKR.OBJECT_HANDLE_INVALID);
    await rejectsWith(visitor.set(publicKey.object, { LABEL: 'x' }), CKR.OBJECT_HANDLE_INVALID);
  });
});

describe('keys that other tools made', () => {
  test('without any attribute', async () => {
    const { user, fleet } = startToken();
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const flags = KeyFlags.TOKEN | KeyFlags.DIGITALSIGNATURE | KeyFlags.EXPORTABLE;
    fleet.put(KeyType.RSA_PRIVATE, spki, { bits: 1024, flags });
    const [found] = await user.find({});
    found?.assertHas(
      {
        CLASS: CKO.PRIVATE_KEY,
        KEY_TYPE: CKK.RSA,
        TOKEN: true,
        PRIVATE: true,
        SIGN: true,
        DECRYPT: false,
        EXTRACTABLE: true,
        NEVER_EXTRACTABLE: false,
        PUBLIC_EXPONENT: '0x010001',
        ID: '',
        LABEL: '',
      },
      'synthesised',
    );
    assert.equal(
      found?.get('MODULUS'),
      Buffer.from(publicKey.export({ format: 'jwk' }).n as string, 'base64url').toString('hex'),
    );
    assert.equal((await user.find({ ID: '' })).length, 1);
    await rejectsWith(user.sign(found?.object ?? NONE, CKM.RSA_PKCS, Buffer.alloc(20)), CKR.KEY_HANDLE_INVALID);
  });

  test('by the vendor library on a 32-bit machine; keys of other kinds are not objects', async () => {
    const { user, fleet } = startToken();
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    fleet.put(KeyType.EC_PRIVATE, spki, {
      curve: Curve.P256,
      attributes: new Map([
        [CKA.CLASS, Uint8Array.of(3, 0, 0, 0)],
        [CKA.KEY_GEN_MECHANISM, Uint8Array.of(0x40, 0x10, 0, 0)],
        [CKA.LOCAL, Uint8Array.of(1)],
        [CKA.SENSITIVE, Uint8Array.of(1)],
        [CKA.PRIVATE_EXPONENT, Uint8Array.of(7)],
        [CKA.VALUE, Uint8Array.of(7)],
      ]),
    });
    fleet.put(KeyType.HASHSIG_PRIVATE, spki, {});
    const found = await user.find({ KEY_GEN_MECHANISM: CKM.EC_KEY_PAIR_GEN });
    assert.equal(found.length, 1);
    found[0]?.assertHas(
      { KEY_GEN_MECHANISM: CKM.EC_KEY_PAIR_GEN, ALWAYS_SENSITIVE: true, NEVER_EXTRACTABLE: true, EC_PARAMS: P256 },
      '32 bits',
    );
    assert.equal(found[0]?.get('VALUE'), undefined, 'never gives what is sensitive by its type');
    assert.equal(found[0]?.get('EC_POINT')?.slice(0, 6), '044104');
    assert.equal((await user.find({})).length, 1);
  });
});
