/**
 * Known attacks, step by step against a device. Each must fail by the rules of separation, and must work without them: so it is the rules that
 * stop it. The names are those of the literature (Clulow 2003; Bortolozzo, Centenaro, Focardi, Steel 2010) where there are any.
 */

import assert from 'node:assert/strict';
import { createDecipheriv, createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { CKF_HKDF_SALT } from '#src/cryptoki/parameter-numbers.ts';
import { type Parameter, writeParameter } from '#src/cryptoki/parameters.ts';
import { DEFAULT_POLICY } from '#src/cryptoki/separation.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Template } from '#test/token/templates.ts';
import { OpenDevice } from './open-device.ts';
import { type Facts, NONE, Program, USER } from './program.ts';

const KW = CKM.AES_KEY_WRAP;
const INFO = Buffer.from('info');
const KNOWN = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';

/** A key that a program may only use, and bytes that the attacker thinks are its value. */
interface Loot {
  readonly key: Facts;
  readonly value: Uint8Array;
}

/** A sensitive key that may leave wrapped, as for a backup. */
const TARGET: Template = { SIGN: true, EXTRACTABLE: true };
const target = (program: Program): Promise<Facts> => program.generate(TARGET, CKM.GENERIC_SECRET_KEY_GEN);

function hkdf(values: Partial<Parameter<'hkdf'>>): Uint8Array {
  const { NULL } = CKF_HKDF_SALT;
  const plain = { extract: 0, expand: 1, prf: CKM.SHA256, saltType: NULL, salt: NONE, saltKey: NONE, info: INFO };
  return writeParameter('hkdf', { ...plain, ...values });
}

/** The value of HKDF-Expand by a MAC function (RFC 5869 section 2.3, one block). */
const LAST_STEP = Buffer.concat([INFO, Buffer.of(1)]);

/** RFC 3394. */
function unwrapOutside(key: Uint8Array, wrapped: Uint8Array): Uint8Array {
  const cipher = createDecipheriv('id-aes256-wrap', key, Buffer.alloc(8, 0xa6));
  return Buffer.concat([cipher.update(wrapped), cipher.final()]);
}

/** RFC 3394 section 2.2.2, by a device that decrypts single blocks. */
async function unwrapByBlocks(program: Program, by: Facts, wrapped: Uint8Array): Promise<Uint8Array> {
  const blocks = Array.from({ length: wrapped.length / 8 }, (_, i) => Buffer.from(wrapped.subarray(8 * i, 8 * i + 8)));
  const n = blocks.length - 1;
  let a = blocks[0] as Buffer;
  for (let j = 5; j >= 0; j--) {
    for (let i = n; i >= 1; i--) {
      const step = Buffer.from(a);
      step.writeUInt32BE((step.readUInt32BE(4) ^ (n * j + i)) >>> 0, 4);
      // oxlint-disable-next-line no-await-in-loop -- each block depends on the one before
      const plain = await program.decrypt(by, CKM.AES_ECB, Buffer.concat([step, blocks[i] as Buffer]));
      a = Buffer.from(plain.subarray(0, 8));
      blocks[i] = Buffer.from(plain.subarray(8));
    }
  }
  return Buffer.concat(blocks.slice(1));
}

const OPEN: Template = { KEY_TYPE: CKK.GENERIC_SECRET, SENSITIVE: false, EXTRACTABLE: true };

const ATTACKS: readonly [string, (program: Program) => Promise<Loot>][] = [
  [
    'wrap and decrypt',
    async (program) => {
      const key = await target(program);
      const by = await program.generate({ WRAP: true, DECRYPT: true });
      return { key, value: await unwrapByBlocks(program, by, await program.wrap(by, key, KW)) };
    },
  ],
  [
    'wrap and decrypt after the usages have been taken away, with a copy that has them',
    async (program) => {
      const key = await target(program);
      const by = await program.generate({ WRAP: true, DECRYPT: true, SENSITIVE: false });
      const copy = await program.copy(by, by.flags, by.attributes);
      await program.change(by, { DECRYPT: false, SENSITIVE: true });
      return { key, value: await unwrapByBlocks(program, copy, await program.wrap(by, key, KW)) };
    },
  ],
  [
    'wrap under a key that was imported',
    async (program) => {
      const key = await target(program);
      const by = await program.create({ CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, VALUE: `0x${KNOWN}`, WRAP: true });
      return { key, value: unwrapOutside(Buffer.from(KNOWN, 'hex'), await program.wrap(by, key, KW)) };
    },
  ],
  [
    'encrypt and unwrap: plant a wrapping key',
    async (program) => {
      const key = await target(program);
      const known = {
        CLASS: CKO.SECRET_KEY,
        KEY_TYPE: CKK.AES,
        VALUE: `0x${KNOWN}`,
        SENSITIVE: false,
        EXTRACTABLE: true,
      };
      const by = await program.generate({ WRAP: true, UNWRAP: true });
      const planted = await program.unwrap(
        by,
        await program.wrap(by, await program.create(known), KW),
        {
          KEY_TYPE: CKK.AES,
          WRAP: true,
        },
        KW,
      );
      return { key, value: unwrapOutside(Buffer.from(KNOWN, 'hex'), await program.wrap(planted, key, KW)) };
    },
  ],
  [
    'wrap under a key from a password',
    async (program) => {
      const key = await target(program);
      const password = { prf: 4, salt: Buffer.from('salt'), iterations: 1000, password: Buffer.from('password') };
      const parameter = writeParameter('pbkdf2', password);
      const [by, same] = await Promise.all(
        [{ WRAP: true }, { SENSITIVE: false, EXTRACTABLE: true }].map((values) =>
          program.generate({ KEY_TYPE: CKK.AES, ...values }, CKM.PKCS5_PBKD2, parameter),
        ),
      );
      const value = await program.read(same as Facts);
      return { key, value: unwrapOutside(value, await program.wrap(by as Facts, key, KW)) };
    },
  ],
  [
    're-import: unwrap as a key that can be read',
    async (program) => {
      const key = await target(program);
      const by = await program.generate({ WRAP: true, UNWRAP: true });
      const back = await program.unwrap(by, await program.wrap(by, key, KW), OPEN, KW);
      return { key, value: await program.read(back) };
    },
  ],
  [
    're-import: a MAC key as a base key, whose derived keys are MACs',
    async (program) => {
      const macKey = await target(program);
      const by = await program.generate({ WRAP: true, UNWRAP: true });
      const values: Template = { KEY_TYPE: CKK.GENERIC_SECRET, DERIVE: true };
      const base = await program.unwrap(by, await program.wrap(by, macKey, KW), values, KW);
      const key = await program.derive(base, { VALUE_LEN: 32 }, CKM.HKDF_DERIVE, hkdf({}));
      return { key, value: await program.sign(macKey, CKM.SHA256_HMAC, LAST_STEP) };
    },
  ],
  [
    're-import: a base key as a MAC key',
    async (program) => {
      const base = await program.generate({ DERIVE: true, EXTRACTABLE: true }, CKM.GENERIC_SECRET_KEY_GEN);
      const key = await program.derive(base, { VALUE_LEN: 32 }, CKM.HKDF_DERIVE, hkdf({}));
      const by = await program.generate({ WRAP: true, UNWRAP: true });
      const values: Template = { KEY_TYPE: CKK.GENERIC_SECRET, SIGN: true };
      const macKey = await program.unwrap(by, await program.wrap(by, base, KW), values, KW);
      return { key, value: await program.sign(macKey, CKM.SHA256_HMAC, LAST_STEP) };
    },
  ],
  [
    'one key for MACs and derivation',
    async (program) => {
      const base = await program.generate({ DERIVE: true, SIGN: true }, CKM.GENERIC_SECRET_KEY_GEN);
      const key = await program.derive(base, { VALUE_LEN: 32 }, CKM.HKDF_DERIVE, hkdf({}));
      return { key, value: await program.sign(base, CKM.SHA256_HMAC, LAST_STEP) };
    },
  ],
  [
    'one value for MACs and derivation: the same derivation twice',
    async (program) => {
      const root = await program.generate({ DERIVE: true }, CKM.GENERIC_SECRET_KEY_GEN);
      const derive = (values: Template): Promise<Facts> =>
        program.derive(root, { VALUE_LEN: 32, ...values }, CKM.HKDF_DERIVE, hkdf({}));
      const [base, macKey] = [await derive({ DERIVE: true }), await derive({ SIGN: true })];
      const key = await program.derive(base, { VALUE_LEN: 32 }, CKM.HKDF_DERIVE, hkdf({}));
      return { key, value: await program.sign(macKey, CKM.SHA256_HMAC, LAST_STEP) };
    },
  ],
  [
    'a salt key and a message that was imported as a key: extraction is a MAC',
    async (program) => {
      const salt = await program.generate({ DERIVE: true }, CKM.GENERIC_SECRET_KEY_GEN);
      const macKey = await program.derive(salt, { VALUE_LEN: 32, SIGN: true }, CKM.HKDF_DERIVE, hkdf({}));
      const message = await program.create({
        CLASS: CKO.SECRET_KEY,
        KEY_TYPE: CKK.GENERIC_SECRET,
        VALUE: LAST_STEP,
        SENSITIVE: false,
        EXTRACTABLE: true,
        DERIVE: true,
      });
      const parameter = hkdf({ extract: 1, expand: 0, saltType: CKF_HKDF_SALT.KEY, saltKey: salt.key });
      const base = await program.derive(message, { DERIVE: true }, CKM.HKDF_DERIVE, parameter);
      const key = await program.derive(base, { VALUE_LEN: 32 }, CKM.HKDF_DERIVE, hkdf({}));
      return { key, value: await program.sign(macKey, CKM.SHA256_HMAC, LAST_STEP) };
    },
  ],
  [
    'derive a readable key where a sensitive one was derived',
    async (program) => {
      const base = await program.generate({ DERIVE: true }, CKM.GENERIC_SECRET_KEY_GEN);
      const key = await program.derive(base, { VALUE_LEN: 32 }, CKM.HKDF_DERIVE, hkdf({}));
      const same = await program.derive(base, { VALUE_LEN: 32, ...OPEN }, CKM.HKDF_DERIVE, hkdf({}));
      return { key, value: await program.read(same) };
    },
  ],
  [
    'key truncation: guess a derived key byte by byte',
    async (program) => {
      const base = await program.generate({ DERIVE: true }, CKM.GENERIC_SECRET_KEY_GEN);
      const key = await program.derive(base, { VALUE_LEN: 16 }, CKM.HKDF_DERIVE, hkdf({}));
      let value = Buffer.alloc(0);
      for (let length = 1; length <= 16; length++) {
        // oxlint-disable no-await-in-loop -- one byte after the other
        const part = await program.derive(base, { VALUE_LEN: length, SIGN: true }, CKM.HKDF_DERIVE, hkdf({}));
        const mac = Buffer.from(await program.sign(part, CKM.SHA256_HMAC, INFO));
        // oxlint-enable no-await-in-loop
        const guesses = Array.from({ length: 256 }, (_, byte) => Buffer.concat([value, Buffer.of(byte)]));
        value = guesses.find((guess) => createHmac('sha256', guess).update(INFO).digest().equals(mac)) ?? value;
      }
      return { key, value };
    },
  ],
  [
    'RSA: wrap for a pair that can decrypt',
    async (program) => {
      const key = await program.generate({ ...TARGET, VALUE_LEN: 14 }, CKM.GENERIC_SECRET_KEY_GEN);
      const [privateKey, publicKey] = await program.generatePair(
        CKM.RSA_PKCS_KEY_PAIR_GEN,
        { MODULUS_BITS: 2048, WRAP: true },
        { UNWRAP: true, DECRYPT: true },
      );
      const wrapped = await program.wrap(publicKey, key, CKM.RSA_PKCS);
      return { key, value: await program.decrypt(privateKey, CKM.RSA_PKCS, wrapped) };
    },
  ],
  [
    'RSA: decrypt by a signature without padding',
    async (program) => {
      const key = await program.generate({ ...TARGET, VALUE_LEN: 14 }, CKM.GENERIC_SECRET_KEY_GEN);
      const [privateKey, publicKey] = await program.generatePair(
        CKM.RSA_PKCS_KEY_PAIR_GEN,
        { MODULUS_BITS: 2048, WRAP: true },
        { UNWRAP: true, SIGN: true },
      );
      const block = await program.sign(privateKey, CKM.RSA_X_509, await program.wrap(publicKey, key, CKM.RSA_PKCS));
      return { key, value: block.subarray(-14) };
    },
  ],
  [
    'RSA: the private half leaves and comes back for decryption',
    async (program) => {
      const key = await program.generate({ ...TARGET, VALUE_LEN: 14 }, CKM.GENERIC_SECRET_KEY_GEN);
      const [privateKey, publicKey] = await program.generatePair(
        CKM.RSA_PKCS_KEY_PAIR_GEN,
        { MODULUS_BITS: 2048, WRAP: true },
        { UNWRAP: true, EXTRACTABLE: true },
      );
      const by = await program.generate({ WRAP: true, UNWRAP: true });
      const moved = await program.wrap(by, privateKey, CKM.AES_KEY_WRAP_PAD);
      const values: Template = { CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.RSA, DECRYPT: true };
      const back = await program.unwrap(by, moved, values, CKM.AES_KEY_WRAP_PAD);
      const wrapped = await program.wrap(publicKey, key, CKM.RSA_PKCS);
      return { key, value: await program.decrypt(back, CKM.RSA_PKCS, wrapped) };
    },
  ],
];

for (const keySeparation of ['strict', 'standard'] as const) {
  describe(`attacks, keySeparation ${keySeparation}`, () => {
    let program: Program;

    before(async () => {
      program = new Program(await OpenDevice.start({ ...DEFAULT_POLICY, keySeparation }));
    });
    after(() => program.device[Symbol.asyncDispose]());

    for (const [name, attack] of ATTACKS) {
      test(name, async () => {
        if (keySeparation === 'strict') {
          await assert.rejects(attack(program), CkrError);
          return;
        }
        const { key, value } = await attack(program);
        assert.deepEqual(Buffer.from(value), Buffer.from((await program.device.secretOf(USER, key.key)) ?? NONE));
      });
    }
  });
}
