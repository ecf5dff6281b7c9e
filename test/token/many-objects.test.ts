import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { KeyAttributes } from '#src/fleet/key-attributes.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { CKK, CKO, CKA } from '#src/cryptoki/constants.ts';
import { ecPointOf } from '#src/cryptoki/public-key-info.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { type FakeFleet } from './fake-fleet.ts';
import { startToken } from './start-token.ts';
import { P256, type Template, template } from './templates.ts';

const PAIRS = 1500;

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const SPKI = publicKey.export({ type: 'spki', format: 'der' });

/** The public key of a number: nobody checks here that the point is on the curve. */
function spkiOf(number: number): Buffer {
  const spki = Buffer.from(SPKI);
  spki.writeUInt32BE(number, spki.length - 4);
  return spki;
}

const idOf = (number: number): string => `0x${number.toString(16).padStart(40, '0')}`;

/** Pairs, and a certificate for every tenth. */
function fill(fleet: FakeFleet): void {
  const put = (type: KeyType, number: number, flags: number, values: Template): KeyEntry =>
    fleet.put(type, type === KeyType.CERTIFICATE ? new Uint8Array(0) : spkiOf(number), {
      curve: type === KeyType.CERTIFICATE ? Curve.NONE : Curve.P256,
      flags: KeyFlags.TOKEN | flags,
      attributes: new KeyAttributes(template({ ID: idOf(number), LABEL: `key ${number}`, TOKEN: true, ...values })),
    });
  for (let i = 0; i < PAIRS; i++) {
    const common = { KEY_TYPE: CKK.EC, EC_PARAMS: P256, SUBJECT: '', DERIVE: false };
    const sign = KeyFlags.DIGITALSIGNATURE;
    put(KeyType.EC_PRIVATE, i, sign, { ...common, CLASS: CKO.PRIVATE_KEY, PRIVATE: true, SIGN: true });
    const point = ecPointOf(spkiOf(i));
    put(KeyType.EC_PUBLIC, i, sign | KeyFlags.PUBLIC, {
      ...common,
      CLASS: CKO.PUBLIC_KEY,
      PRIVATE: false,
      VERIFY: true,
      EC_POINT: point,
    });
    if (i % 10 !== 0) continue;
    put(KeyType.CERTIFICATE, i, KeyFlags.PUBLIC, {
      CLASS: CKO.CERTIFICATE,
      CERTIFICATE_TYPE: 0,
      PRIVATE: false,
      SUBJECT: `subject ${i}`,
      ISSUER: 'the issuer',
      SERIAL_NUMBER: `serial ${i}`,
      VALUE: `certificate ${i}`,
    });
  }
}

/** Counts the keys that searches look at. */
function counted(fleet: FakeFleet): { looked: number } {
  const count = { looked: 0 };
  const { keys } = fleet;
  const search = keys.search.bind(keys);
  keys.search = function* (query, after): Iterable<KeyEntry> {
    for (const entry of search(query, after)) {
      count.looked++;
      yield entry;
    }
  };
  return count;
}

/** Templates of the known programs, how many objects match with login, and without. */
const SEARCHES: [Template, number, number][] = [
  [{ CLASS: CKO.PRIVATE_KEY, ID: idOf(770) }, 1, 0],
  [{ CLASS: CKO.PUBLIC_KEY, LABEL: 'key 770' }, 1, 1],
  [{ CLASS: CKO.PRIVATE_KEY, ID: idOf(770), LABEL: 'key 770' }, 1, 0],
  [{ CLASS: CKO.PRIVATE_KEY, ID: idOf(770), KEY_TYPE: CKK.EC }, 1, 0],
  [{ CLASS: CKO.PRIVATE_KEY, ID: idOf(770), KEY_TYPE: CKK.RSA }, 0, 0],
  [{ CLASS: CKO.PRIVATE_KEY, ID: idOf(770), SIGN: true }, 1, 0],
  [{ TOKEN: true, ID: idOf(770), CLASS: CKO.PUBLIC_KEY }, 1, 1],
  [{ CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.EC, ID: idOf(770), LABEL: 'key 770' }, 1, 0],
  [{ LABEL: 'key 770' }, 3, 2],
  [{ ID: idOf(770) }, 3, 2],
  [{ LABEL: 'key 771' }, 2, 1],
  [{ CLASS: CKO.CERTIFICATE, VALUE: 'certificate 770' }, 1, 1],
  [{ CLASS: CKO.CERTIFICATE, SUBJECT: 'subject 770' }, 1, 1],
  [{ CLASS: CKO.CERTIFICATE, ISSUER: 'the issuer', SERIAL_NUMBER: 'serial 770' }, 1, 1],
  [{ CLASS: CKO.PUBLIC_KEY, KEY_TYPE: CKK.EC, EC_PARAMS: P256, EC_POINT: ecPointOf(spkiOf(770)) }, 1, 1],
  [{ CLASS: CKO.PRIVATE_KEY, EC_POINT: ecPointOf(spkiOf(770)) }, 1, 0],
  [{ CLASS: CKO.PUBLIC_KEY, PUBLIC_KEY_INFO: spkiOf(770) }, 1, 1],
  // Nothing matches.
  [{ CLASS: CKO.PRIVATE_KEY, ID: idOf(5000) }, 0, 0],
  [{ ID: '' }, 0, 0],
  [{ LABEL: '' }, 0, 0],
  [{ LABEL: 'key' }, 0, 0],
  [{ CLASS: CKO.CERTIFICATE, SUBJECT: 'subject 771' }, 0, 0],
  [{ CLASS: CKO.CERTIFICATE, VALUE: 'x' }, 0, 0],
  [{ CLASS: CKO.CERTIFICATE, ISSUER: 'the issuer', SERIAL_NUMBER: 'serial 771' }, 0, 0],
  [{ CLASS: CKO.CERTIFICATE, CERTIFICATE_TYPE: 1 }, 0, 0],
  [{ CLASS: CKO.SECRET_KEY }, 0, 0],
  [{ CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.RSA }, 0, 0],
  [{ KEY_TYPE: CKK.ML_DSA }, 0, 0],
  [{ CLASS: CKO.SECRET_KEY, VALUE_LEN: 32 }, 0, 0],
  [{ CLASS: CKO.DATA, LABEL: 'key 770' }, 0, 0],
  [{ CLASS: 0xce53_4351 }, 0, 0],
  [{ CLASS: '0x0300' }, 0, 0],
  [{ CLASS: CKO.PRIVATE_KEY, DERIVE: true }, 0, 0],
  [{ CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.RSA, MODULUS: Buffer.alloc(256, 7) }, 0, 0],
  [{ CLASS: CKO.PRIVATE_KEY, VALUE: '0x01' }, 0, 0],
  [{ TOKEN: false }, 0, 0],
  [{ PRIVATE: true, CLASS: CKO.PUBLIC_KEY }, 0, 0],
];

test('no search of the known programs looks at more objects than a few, in whatever order its attributes are', async () => {
  const { fleet, user, visitor } = startToken();
  fill(fleet);
  const count = counted(fleet);
  for (const [search, logged, open] of SEARCHES) {
    for (const [program, matching] of [
      [user, logged],
      [visitor, open],
    ] as const) {
      const names = Object.entries(search);
      for (let turn = 0; turn < names.length; turn++) {
        const rotated = Object.fromEntries([...names.slice(turn), ...names.slice(0, turn)]) as Template;
        count.looked = 0;
        const found = await program.find(rotated);
        assert.equal(found.length, matching, `${JSON.stringify(rotated)} ${program === user}`);
        // The certificates are of one group, which is not divided by the values of their attributes.
        const most = search.ISSUER && matching === 0 ? 1 : 3;
        assert.ok(count.looked <= most, `${JSON.stringify(rotated)}: ${count.looked} looked at`);
      }
    }
  }
});

test('without login a search for private keys looks at none, and a listing at public ones only', async () => {
  const { fleet, visitor } = startToken();
  fill(fleet);
  const count = counted(fleet);
  assert.equal((await visitor.find({ CLASS: CKO.PRIVATE_KEY })).length, 0);
  assert.equal(count.looked, 0);
  assert.equal((await visitor.find({})).length, PAIRS + PAIRS / 10);
  // Each page looks at one more to know whether it is the last.
  assert.ok(count.looked <= PAIRS + PAIRS / 10 + 20, `${count.looked} looked at`);
});

test('a key that one program changes or destroys is found, and not found, by the next search of another', async () => {
  const { fleet, user, visitor } = startToken();
  fill(fleet);
  const [found] = await user.find({ CLASS: CKO.PUBLIC_KEY, LABEL: 'key 33' });
  assert.ok(found);
  await user.set(found.object, { LABEL: 'renamed' });
  assert.equal((await visitor.find({ LABEL: 'key 33' })).length, 0);
  assert.equal((await visitor.find({ LABEL: 'renamed' })).length, 1);
  assert.equal((await visitor.find({ ID: idOf(33) })).length, 1, 'the other attributes are as they were');
  await user.call('OBJECT_DESTROY', { object: found.object });
  assert.equal((await visitor.find({ LABEL: 'renamed' })).length, 0);
  assert.equal((await visitor.find({ ID: idOf(33) })).length, 0);
  assert.equal((await visitor.find({ UNIQUE_ID: found.attributes.get(CKA.UNIQUE_ID) as Uint8Array })).length, 0);
  assert.equal((await user.find({ ID: idOf(33) })).length, 1, 'the private half is still there');
});
