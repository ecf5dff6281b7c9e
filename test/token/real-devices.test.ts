/** The token on real devices: what OpenDNSSEC, BIND and a verifying program do, through real processes and key stores. */

import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLog } from '#src/audit/log.ts';
import { CKA, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { digestNamed } from '#src/cryptoki/digests.ts';
import { holder } from '#src/daemon/holder.ts';
import { Fleet, type FleetConnection } from '#src/fleet/fleet.ts';
import { Token } from '#src/token/token.ts';
import { User } from '#src/wire/enumerations.ts';
import { CASES } from './program-templates.ts';
import { Program, randomUuid, rejectsWith } from './start-token.ts';
import { ED25519, P256 } from './templates.ts';

const FACTORY_PIN = Buffer.from('YouReallyNeedToChangeThisPINRightNowWeAreNotKidding');
const PIN = Buffer.from('1234');
const none = new Uint8Array(0);

let state: string;
let fleet: Fleet;
let token: Token;
let user: Program<FleetConnection>;

before(async () => {
  state = await mkdtemp(join(tmpdir(), 'token-'));
  await mkdir(join(state, 'run'), { mode: 0o700 });
  fleet = await Fleet.start({ state, devices: 2, log: silentLog, pinDelayMs: 0, holder });
  const wheel = fleet.openConnection();
  await wheel.login(User.WHEEL, FACTORY_PIN);
  await fleet.setMasterKey(wheel, undefined);
  await wheel.setPin(User.NORMAL, PIN);
  await fleet.unlock(wheel);
  await wheel.close();
  token = new Token({ fleet, serial: '1', log: silentLog });
  user = await login(randomUuid());
});

after(async () => {
  token?.close();
  await fleet?.stop({ endHolder: true });
  await rm(state, { recursive: true, force: true });
});

async function login(uuid: Uint8Array): Promise<Program<FleetConnection>> {
  const connection = fleet.openConnection();
  await connection.login(User.NORMAL, PIN);
  return new Program(token, connection, uuid);
}

describe('with real devices', () => {
  test('every program gets the keys that it asks for', async () => {
    for (const { program, mechanism, publicTemplate, privateTemplate, publicHas, privateHas } of CASES) {
      const { publicKey, privateKey } = await user.generate(mechanism, publicTemplate, privateTemplate);
      publicKey.assertHas({ ...publicTemplate, CLASS: CKO.PUBLIC_KEY, LOCAL: true, ...publicHas }, program);
      privateKey.assertHas({ ...privateTemplate, CLASS: CKO.PRIVATE_KEY, LOCAL: true, ...privateHas }, program);
      assert.equal(publicKey.get('ID'), privateKey.get('ID'), program);
      const [found] = await user.find({ UNIQUE_ID: privateKey.attributes.get(CKA.UNIQUE_ID) as Uint8Array });
      assert.deepEqual(found?.attributes, privateKey.attributes, program);
    }
  });

  test('signatures verify outside', async () => {
    const data = Buffer.from('a zone');
    const rsa = await user.generate(CKM.RSA_PKCS_KEY_PAIR_GEN, { MODULUS_BITS: 1024 }, {});
    const ec = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {});
    const ed = await user.generate(CKM.EC_EDWARDS_KEY_PAIR_GEN, { EC_PARAMS: ED25519 }, {});
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
    const digestInfo = Buffer.concat([digestNamed('SHA256').digestInfo, hash]);
    for (const [pair, mechanism, input, algorithm] of [
      [rsa, CKM.RSA_PKCS, digestInfo, 'sha256'],
      [ec, CKM.ECDSA, hash, 'sha256'],
      [ed, CKM.EDDSA, data, null],
    ] as const) {
      const { signature } = await user.sign(pair.privateKey.object, mechanism, input);
      const spki = Buffer.from(pair.privateKey.get('PUBLIC_KEY_INFO') ?? '', 'hex');
      const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
      const options = mechanism === CKM.ECDSA ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
      assert.ok(verify(algorithm, data, options, signature));

      // dnssec-signzone verifies in the token, with a public key of its own.
      const attributes = Object.fromEntries(
        (mechanism === CKM.RSA_PKCS
          ? (['MODULUS', 'PUBLIC_EXPONENT'] as const)
          : (['EC_PARAMS', 'EC_POINT'] as const)
        ).map((name) => [name, Buffer.from(pair.publicKey.get(name) ?? '', 'hex')]),
      );
      const keyType = pair.publicKey.attributes.get(CKA.KEY_TYPE) as Uint8Array;
      const { object } = await user.create({ CLASS: CKO.PUBLIC_KEY, KEY_TYPE: keyType, TOKEN: false, ...attributes });
      const args = { object, mechanism, parameter: none, data: input };
      await user.call('VERIFY', { ...args, signature });
      await rejectsWith(user.call('VERIFY', { ...args, data: hash.slice(1), signature }), CKR.SIGNATURE_INVALID);
    }
  });

  test('changes and destruction', async () => {
    const pair = await user.generate(
      CKM.EC_KEY_PAIR_GEN,
      { EC_PARAMS: P256, TOKEN: true },
      { TOKEN: true, LABEL: 'old' },
    );
    await user.set(pair.privateKey.object, { LABEL: 'neu', ID: '0x77' });
    assert.equal((await user.find({ LABEL: 'neu' })).length, 1);
    assert.equal((await user.find({ LABEL: 'old' })).length, 0);
    for (const { object } of [pair.privateKey, pair.publicKey]) await user.call('OBJECT_DESTROY', { object });
    assert.equal((await user.find({ ID: '0x77' })).length, 0);
  });

  test('session objects outlive a lost connection, and the same request finds the same pair', async () => {
    const uuid = randomUuid();
    const request = randomUuid();
    const first = await login(uuid);
    const made = await first.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256, TOKEN: true }, { TOKEN: true }, request);
    const session = await first.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {});
    token.disconnected(first.application);
    const second = await login(uuid);
    const again = await second.generate(
      CKM.EC_KEY_PAIR_GEN,
      { EC_PARAMS: P256, TOKEN: true },
      { TOKEN: true },
      request,
    );
    assert.deepEqual(again, made);
    await second.sign(session.privateKey.object, CKM.ECDSA, new Uint8Array(32));
    await second.call('SESSION_CLOSE', { session: 1 });
    assert.equal((await second.find({ TOKEN: false, KEY_TYPE: CKK.EC })).length, 0);
  });
});
