import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { ConsoleTerminal } from '../console-terminal.ts';
import { pidsOf, until } from '../processes.ts';
import { RpcClient } from '../rpc/rpc-client.ts';

const YES = Uint8Array.of(1);
const NONE = new Uint8Array(0);
const P256 = Uint8Array.fromHex('06082a8648ce3d030107');
const CKM = { EC_KEY_PAIR_GEN: 0x1040, ECDSA: 0x1041 } as const;
const DIGEST = new Uint8Array(32).fill(3);

let appliance: Appliance;
let secrets: Secrets;
before(async () => {
  appliance = await startAppliance();
  secrets = await appliance.setUp();
});
after(() => appliance.stop());

async function user(port: number): Promise<RpcClient> {
  const client = await RpcClient.own(port);
  await client.login(secrets.userPin);
  return client;
}

async function generate(client: RpcClient): Promise<Uint8Array> {
  const { privateKey } = await client.call('KEY_PAIR_GENERATE', {
    session: 1,
    request: crypto.getRandomValues(new Uint8Array(16)),
    mechanism: CKM.EC_KEY_PAIR_GEN,
    parameter: NONE,
    publicTemplate: [
      { type: 0x001, value: YES },
      { type: 0x180, value: P256 },
    ],
    privateTemplate: [{ type: 0x001, value: YES }],
  });
  return privateKey.object.slice();
}

const sign = (client: RpcClient, object: Uint8Array) =>
  client.call('SIGN', { object, mechanism: CKM.ECDSA, parameter: NONE, data: DIGEST });

test('kill -9 of devices while clients sign and generate: nobody sees an error, no acknowledged key is lost', async () => {
  const client = await user(appliance.rpcPort);
  const key = await generate(client);
  const made: Uint8Array[] = [];
  const run = { signatures: 0, stop: false };
  const work = [
    ...Array.from({ length: 8 }, async () => {
      while (!run.stop) {
        await sign(client, key);
        run.signatures++;
      }
    }),
    (async () => {
      while (!run.stop) made.push(await generate(client));
    })(),
  ];
  for (let round = 0; round < 3; round++) {
    const [pid] = pidsOf(appliance.state, 'device/main.ts') as [number];
    const goal = { signatures: run.signatures + 100, keys: made.length + 2 };
    process.kill(pid, 'SIGKILL');
    await until(() => run.signatures >= goal.signatures && made.length >= goal.keys);
  }
  run.stop = true;
  await Promise.all(work);
  for (const object of made) await sign(client, object);
  await client.close();
});

test('kill -9 of the daemon during generation: every key whose creation was acknowledged is there after the restart', async () => {
  const client = await user(appliance.rpcPort);
  const made: Uint8Array[] = [];
  const generating = Promise.allSettled(
    Array.from({ length: 4 }, async () => {
      for (;;) made.push(await generate(client));
    }),
  );
  await until(() => made.length >= 20);
  await appliance.kill();
  await generating;

  const restarted = await startAppliance({ state: appliance.state });
  try {
    await restarted.unlock();
    const again = await user(restarted.rpcPort);
    for (const object of made) await sign(again, object);
    await again.close();
  } finally {
    await restarted.halt();
  }
});

test('kill -9 of the master key holder: the key is lost, clients are told, the operator sets it again', async () => {
  const restarted = await startAppliance({ state: appliance.state });
  try {
    await restarted.unlock();
    const client = await user(restarted.rpcPort);
    const key = await generate(client);
    const [holder] = pidsOf(appliance.state, 'mkm/main.ts') as [number];
    process.kill(holder, 'SIGKILL');
    // The devices notice it by themselves; the new holder has no key.
    const stateOf = async () => (await client.call('TOKEN_INFO', {})).state;
    await until(async () => (await stateOf()) !== 0);
    assert.equal(await stateOf(), 2, 'no master key');
    await assert.rejects(
      sign(client, key),
      (error) => error instanceof HalError && error.status === HalStatus.MASTERKEY_NOT_SET,
    );
    await until(() => pidsOf(appliance.state, 'mkm/main.ts').length > 0);

    const terminal = await ConsoleTerminal.open(restarted.consolePort);
    await terminal.expect('Password: ');
    terminal.send(secrets.wheelPin);
    await terminal.expect('Diamond-HSM > ');
    terminal.send(`masterkey set ${secrets.masterKey}`);
    await terminal.expect('Password: ');
    terminal.send(secrets.wheelPin);
    await terminal.expect('(y/n) ');
    terminal.send('y');
    await terminal.expect('Success');
    await terminal.close();
    await sign(client, key);
    await client.close();
  } finally {
    await restarted.halt();
  }
});
