/** The settings for keys reach the devices of an appliance, and the list of mechanisms. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { holder } from '#src/daemon/holder.ts';
import { type Appliance, startAppliance } from '#test/appliance.ts';
import { RpcClient } from '#test/rpc/rpc-client.ts';
import { type Template, template } from '#test/token/templates.ts';

const NONE = new Uint8Array(0);

for (const careful of [false, true]) {
  describe(careful ? 'settings that refuse more' : 'settings as they are by default', () => {
    let state: string;
    let appliance: Appliance;
    let client: RpcClient;
    let soPin: string;
    let names = 0;

    before(async () => {
      state = mkdtempSync(join(tmpdir(), 'dks-rules-'));
      const settings = {
        ...{ keySeparation: 'standard', legacyMechanisms: false, plaintextImport: false },
        initTokenErasesKeys: true,
      };
      writeFileSync(join(state, 'settings.json'), JSON.stringify(careful ? settings : {}));
      appliance = await startAppliance({ state });
      const { userPin, soPin: officer } = await appliance.setUp();
      soPin = officer;
      client = await RpcClient.own(appliance.rpcPort);
      await client.login(userPin);
    });
    after(async () => {
      await client.close();
      await appliance.halt();
      await holder.end(join(state, 'run', 'mkm.sock')).catch(() => {});
      rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    });

    const request = (): { session: number; request: Uint8Array } => ({
      session: 1,
      request: Buffer.alloc(16, ++names),
    });
    const either = async (work: Promise<unknown>, isRefused: boolean, ckr: number): Promise<void> => {
      if (isRefused) await assert.rejects(work, { ckr });
      else await work;
    };

    test('outdated mechanisms', async () => {
      const { mechanisms } = await client.call('MECHANISM_LIST', {});
      const numbers = mechanisms.map(({ mechanism }) => mechanism);
      assert.deepEqual(
        [CKM.MD5, CKM.SHA1_RSA_PKCS, CKM.SHA256_RSA_PKCS].map((number) => numbers.includes(number)),
        [!careful, !careful, true],
      );
      const pair = client.call('KEY_PAIR_GENERATE', {
        ...request(),
        mechanism: CKM.RSA_PKCS_KEY_PAIR_GEN,
        parameter: NONE,
        publicTemplate: template({ MODULUS_BITS: 1024 }),
        privateTemplate: [],
      });
      await either(pair, careful, CKR.KEY_SIZE_RANGE);
    });

    test('keys in plaintext', async () => {
      const values: Template = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, VALUE: `0x${'01'.repeat(16)}` };
      const made = client.call('OBJECT_CREATE', { ...request(), template: template(values) });
      await either(made, careful, CKR.TEMPLATE_INCONSISTENT);
    });

    test('separation', async () => {
      const values = template({ VALUE_LEN: 32, WRAP: true, DECRYPT: true });
      const made = client.call('SECRET_KEY_GENERATE', {
        ...request(),
        mechanism: CKM.AES_KEY_GEN,
        parameter: NONE,
        template: values,
      });
      await either(made, !careful, CKR.TEMPLATE_INCONSISTENT);
    });

    test('what C_InitToken leaves', async () => {
      const values = { TOKEN: true, PRIVATE: false, CLASS: CKO.DATA, VALUE: '0x01' };
      await client.call('OBJECT_CREATE', { ...request(), template: template(values) });
      const kept = async (): Promise<boolean> => {
        const by = await RpcClient.own(appliance.rpcPort);
        const { objects } = await by.call('OBJECT_FIND', {
          ...{ template: template({ CLASS: CKO.DATA }), after: new Uint8Array(16), limit: 10 },
        });
        await by.close();
        return objects.length > 0;
      };
      assert.equal(await kept(), true);
      const officer = await RpcClient.own(appliance.rpcPort);
      await client.close();
      await officer.call('TOKEN_INITIALIZE', { pin: Buffer.from(soPin), label: 'x'.padEnd(32) });
      await officer.close();
      assert.equal(await kept(), !careful);
    });
  });
}
