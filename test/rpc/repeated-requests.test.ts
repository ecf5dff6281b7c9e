/** A program whose connection is lost in the middle of a request asks again on the next one: nothing is made twice. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { CKA, CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { CKP } from '#src/cryptoki/parameter-numbers.ts';
import { type ArgsOf, encodeRequest } from '#src/wire/message.ts';
import { encodeFrame } from '#src/wire/slip.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { template, type Template } from '../token/templates.ts';
import { RpcClient } from './rpc-client.ts';

type Creating = 'SECRET_KEY_GENERATE' | 'OBJECT_CREATE' | 'KEY_PAIR_GENERATE' | 'ENCAPSULATE' | 'OBJECT_COPY';

const none = new Uint8Array(0);
const randomName = () => crypto.getRandomValues(new Uint8Array(16));

let appliance: Appliance;
let secrets: Secrets;

before(async () => {
  appliance = await startAppliance();
  secrets = await appliance.setUp();
});
after(() => appliance.stop());

async function connect(application: Uint8Array<ArrayBuffer>): Promise<RpcClient> {
  const client = await RpcClient.own(appliance.rpcPort, application);
  await client.login(secrets.userPin);
  return client;
}

async function count(client: RpcClient): Promise<number> {
  const { objects } = await client.call('OBJECT_FIND', { template: [], after: new Uint8Array(16), limit: 0 });
  return objects.length;
}

/** Sends a request and loses the connection before the reply; then asks again, twice. Gives the number of new objects. */
async function repeat<N extends Creating>(
  application: Uint8Array<ArrayBuffer>,
  name: N,
  args: ArgsOf<N>,
): Promise<number> {
  const first = await connect(application);
  const before = await count(first);
  const message = encodeFrame(encodeRequest(name, 77, args));
  await new Promise((resolve) => first.socket.write(message, resolve));
  first.socket.destroy();
  await once(first.socket, 'close');
  const second = await connect(application);
  const made = await second.call(name, args);
  assert.deepEqual(await second.call(name, args), made, name);
  const number = await count(second);
  await second.close();
  return number - before;
}

test('session objects and token objects, of all functions that make some', async () => {
  const application = randomName();
  const helper = await connect(application);
  const making = () => ({ session: 1, request: randomName(), parameter: none });
  const { publicKey } = await helper.call('KEY_PAIR_GENERATE', {
    ...making(),
    mechanism: CKM.ML_KEM_KEY_PAIR_GEN,
    publicTemplate: template({ TOKEN: true, PARAMETER_SET: CKP.ML_KEM_512 }),
    privateTemplate: template({ TOKEN: true }),
  });
  await helper.close();
  for (const kind of [{ TOKEN: false }, { TOKEN: true }] satisfies Template[]) {
    const values = template({ ...kind, VALUE_LEN: 32 });
    const secret = template({ ...kind, CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES });
    const curve = template({ ...kind, EC_PARAMS: '0x06082a8648ce3d030107' });
    const data = template({ ...kind, CLASS: CKO.DATA, VALUE: '0x01' });
    const aes = { ...making(), mechanism: CKM.AES_KEY_GEN, template: values };
    assert.equal(await repeat(application, 'SECRET_KEY_GENERATE', aes), 1);
    assert.equal(await repeat(application, 'OBJECT_CREATE', { ...making(), template: data }), 1);
    const pair = { ...making(), mechanism: CKM.EC_KEY_PAIR_GEN };
    const templates = { publicTemplate: curve, privateTemplate: template(kind) };
    assert.equal(await repeat(application, 'KEY_PAIR_GENERATE', { ...pair, ...templates }), 2);
    const kem = { ...making(), mechanism: CKM.ML_KEM, publicKey: publicKey.object, template: secret };
    assert.equal(await repeat(application, 'ENCAPSULATE', kem), 1);
    const copy = { ...making(), object: publicKey.object, template: [{ type: CKA.LABEL, value: Uint8Array.of(0x78) }] };
    assert.equal(await repeat(application, 'OBJECT_COPY', copy), 1);
  }
});
