/** What PKCS#11 programs get of a CrypTech board beside an emulated device. */

import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog } from '#src/audit/log.ts';
import { Board } from '#src/board/board.ts';
import { KeyNames } from '#src/board/key-names.ts';
import { CKM, CKR } from '#src/cryptoki/constants.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { CKG_MGF1 } from '#src/cryptoki/parameter-numbers.ts';
import { Token } from '#src/token/token.ts';
import { idOf } from '#src/token/uuid.ts';
import { type FleetUnderTest, startFleet, userConnection } from '../fleet/start-fleet.ts';
import { none, pin, RealProgram } from '../token/start-real.ts';
import { type Found, randomUuid, rejectsWith } from '../token/start-token.ts';
import { P256, type Template } from '../token/templates.ts';
import { BoardUnderTest } from './board-under-test.ts';

const BOARD = 1;

let board: BoardUnderTest;
let tested: FleetUnderTest;
let user: RealProgram;

before(async () => {
  board = await BoardUnderTest.start();
  const names = await KeyNames.open(join(board.folder, 'names.json'));
  const openPort = () => Promise.resolve(board.plugIn());
  tested = await startFleet({ devices: 1, boards: [new Board({ name: 'board', names, log: silentLog, openPort })] });
  const token = new Token({ fleet: tested.fleet, serial: '1', log: silentLog });
  user = new RealProgram(token, await userConnection(tested.fleet), randomUuid());
});
after(async () => {
  await tested.stop();
  await board.stop();
});

const placesOf = ({ object }: Found): number[] => [...(tested.fleet.keys.get(idOf(object))?.copies.keys() ?? [])];

/** A pair on the board: new keys go to both in turn. */
async function pairOnBoard(mechanism: number, values: Template): Promise<{ publicKey: Found; privateKey: Found }> {
  for (;;) {
    const pair = await user.generate(mechanism, { ...values, TOKEN: true }, { TOKEN: true });
    if (placesOf(pair.privateKey)[0] === BOARD) return pair;
  }
}

test('signatures by mechanisms that hash first', async () => {
  const data = randomBytes(100);
  const rsa = await pairOnBoard(CKM.RSA_PKCS_KEY_PAIR_GEN, { MODULUS_BITS: 1024 });
  const ec = await pairOnBoard(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 });
  assert.equal(rsa.privateKey.get('ID')?.length, 40, 'a board’s keys get a CKA_ID too');
  for (const [pair, mechanism, hash] of [
    [rsa, CKM.SHA256_RSA_PKCS, 'SHA-256'],
    [rsa, CKM.SHA512_RSA_PKCS, 'SHA-512'],
    [ec, CKM.ECDSA_SHA256, 'SHA-256'],
    [ec, CKM.ECDSA_SHA384, 'SHA-384'],
  ] as const) {
    const digest = new Uint8Array(await crypto.subtle.digest(hash, data));
    const { signature } = await user.sign(pair.privateKey.object, mechanism, digest);
    const spki = Buffer.from(pair.publicKey.get('PUBLIC_KEY_INFO') ?? '', 'hex');
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    assert.ok(verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature), String(mechanism));
    const args = { object: pair.publicKey.object, mechanism, parameter: none };
    await user.call('VERIFY', { ...args, data: digest, signature });
    await rejectsWith(user.call('VERIFY', { ...args, data: digest.toReversed(), signature }), CKR.SIGNATURE_INVALID);
  }
  assert.deepEqual(board.faults, []);
});

test('what a board cannot do it says, and what it could not enforce goes elsewhere', async () => {
  const { privateKey, publicKey } = await pairOnBoard(CKM.RSA_PKCS_KEY_PAIR_GEN, { MODULUS_BITS: 1024 });
  const pss = writeParameter('pss', { hash: CKM.SHA256, mgf: CKG_MGF1.SHA256, saltLength: 32 }).slice();
  await rejectsWith(
    user.sign(privateKey.object, CKM.SHA256_RSA_PKCS_PSS, randomBytes(32), pss),
    CKR.FUNCTION_NOT_SUPPORTED,
  );
  await rejectsWith(user.encrypt(publicKey, CKM.RSA_PKCS, none, Buffer.from('x')), CKR.FUNCTION_NOT_SUPPORTED);
  await rejectsWith(user.copy(privateKey, {}), CKR.FUNCTION_NOT_SUPPORTED);
  await rejectsWith(user.value(privateKey), CKR.ATTRIBUTE_SENSITIVE);
  const kek = await user.secretKey(CKM.AES_KEY_GEN, { VALUE_LEN: 32, WRAP: true, UNWRAP: true });
  assert.deepEqual(placesOf(kek), [0]);
  await rejectsWith(user.wrap(kek, privateKey, CKM.AES_KEY_WRAP_KWP), CKR.FUNCTION_NOT_SUPPORTED);
  for (let i = 0; i < 4; i++) {
    const values = { TOKEN: true, ALWAYS_AUTHENTICATE: true };
    const pair = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256, TOKEN: true }, values);
    assert.deepEqual(placesOf(pair.privateKey), [0]);
  }
  const change = { oldPin: pin('1234'), newPin: pin('5678') };
  await rejectsWith(user.call('PIN_CHANGE', change), CKR.FUNCTION_NOT_SUPPORTED);
  assert.deepEqual(board.faults, []);
});
