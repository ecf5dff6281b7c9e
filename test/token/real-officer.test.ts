/** What the security officer does with objects, on real devices. */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createServerCertificate } from '#src/crypto/certificate.ts';
import { CKA, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { User } from '#src/wire/enumerations.ts';
import { rejectsWith } from './start-token.ts';
import { type RealProgram, RealToken, SO_PIN } from './start-real.ts';
import { P256 } from './templates.ts';

let real: RealToken;
let user: RealProgram;
let officer: RealProgram;

before(async () => {
  real = await RealToken.start();
  user = await real.program();
  officer = await real.program(User.SO, SO_PIN);
});
after(() => real?.stop());

test('CKA_TRUSTED is the security officer’s', async () => {
  const values = { EC_PARAMS: P256, TOKEN: true, PRIVATE: false };
  const { publicKey } = await user.generate(CKM.EC_KEY_PAIR_GEN, values, { TOKEN: true });
  await rejectsWith(user.set(publicKey.object, { TRUSTED: true }), CKR.ATTRIBUTE_READ_ONLY);
  (await officer.set(publicKey.object, { TRUSTED: true })).assertHas({ TRUSTED: true }, 'by the officer');
  assert.equal(
    (await user.find({ TRUSTED: true, UNIQUE_ID: publicKey.attributes.get(CKA.UNIQUE_ID) ?? '' })).length,
    1,
  );
  await rejectsWith(officer.set(publicKey.object, { LABEL: 'x' }), CKR.USER_NOT_LOGGED_IN);
});

test('the officer writes a trusted certificate for all others to read, and nothing private', async () => {
  const { certPem } = createServerCertificate({ commonName: 'root', addresses: [], notBefore: new Date(), days: 1 });
  const certificate = {
    ...{ CLASS: CKO.CERTIFICATE, CERTIFICATE_TYPE: 0, VALUE: new X509Certificate(certPem).raw, LABEL: 'root' },
    ...{ TOKEN: true, PRIVATE: false },
  };
  await rejectsWith(user.create({ ...certificate, TRUSTED: true }), CKR.ATTRIBUTE_READ_ONLY);
  (await officer.create({ ...certificate, TRUSTED: true })).assertHas({ TRUSTED: true }, 'by the officer');
  const [root] = await real.visitor().find({ LABEL: 'root', TRUSTED: true });
  assert.ok(root);
  await rejectsWith(real.visitor().call('OBJECT_DESTROY', { object: root.object }), CKR.USER_NOT_LOGGED_IN);
  await officer.call('OBJECT_DESTROY', { object: root.object });
  assert.deepEqual(await user.find({ LABEL: 'root' }), []);
  await rejectsWith(officer.create({ ...certificate, PRIVATE: true }), CKR.USER_NOT_LOGGED_IN);
  const secret = { CLASS: CKO.SECRET_KEY, KEY_TYPE: 0x1f, VALUE: Buffer.alloc(16), TOKEN: true, PRIVATE: false };
  await rejectsWith(officer.create(secret), CKR.USER_NOT_LOGGED_IN);
  const pair = { EC_PARAMS: P256, TOKEN: true, PRIVATE: false };
  await rejectsWith(
    officer.generate(CKM.EC_KEY_PAIR_GEN, pair, { TOKEN: true, PRIVATE: false }),
    CKR.USER_NOT_LOGGED_IN,
  );
});

test('the officer destroys no private or secret key, also if everybody sees it', async () => {
  const pair = await user.generate(
    CKM.EC_KEY_PAIR_GEN,
    { EC_PARAMS: P256, TOKEN: true, PRIVATE: false },
    { TOKEN: true, PRIVATE: false },
  );
  await rejectsWith(officer.call('OBJECT_DESTROY', { object: pair.privateKey.object }), CKR.USER_NOT_LOGGED_IN);
  await officer.call('OBJECT_DESTROY', { object: pair.publicKey.object });
  assert.equal((await user.find({ UNIQUE_ID: pair.privateKey.attributes.get(CKA.UNIQUE_ID) ?? '' })).length, 1);
});
