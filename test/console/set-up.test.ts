/** The first login of a start: device check, master key, key table, reminder (manual 3.5, 3.6). */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type RawClient, startTestConsole, type TestConsole } from './console-fixture.ts';
import { FACTORY_PIN, RANDOM_KEY } from './fake-fleet.ts';

const GROUPS = '00070E15 1C232A31 383F464D 545B6269 70777E85 8C939AA1 A8AFB6BD C4CBD2D9';
const QUESTION = 'Would you like to set it now? (y/n) ';
const READY = /Diamond-HSM > $/;

async function giveFactoryPin(console: TestConsole): Promise<RawClient> {
  const client = await console.connect();
  client.send('\r');
  await client.until('Password: ');
  client.clear();
  client.send(`${FACTORY_PIN}\r`);
  return client;
}

describe('set-up after a start', () => {
  it('checks the devices, sets a random master key, builds the table and reminds of the factory PIN', async () => {
    await using console = await startTestConsole();
    console.fleet.deviceKeys[1]!.keys = ['3f0c1b0e-5a7e-4a0e-9a53-0f6f3c1c9d11'];
    console.fleet.keysMasterKey = RANDOM_KEY;
    const client = await giveFactoryPin(console);
    const check = await client.until(QUESTION);
    assert.match(check, /device 0: CTY0 ok, RPC0 ok, cores ok, master key: Not set\r\n/);
    client.clear();
    client.send('y\r');
    const question = await client.until('\r\n> ');
    assert.match(question, /Please enter the master key or leave it blank/);
    assert.match(question, /\r\n {2}(-{8} ){7}-{8}\r\n> $/);
    client.clear();
    // The operator knows the key of the stored keys.
    client.send(`${GROUPS.toLowerCase()}\r`);
    const text = await client.until(READY);
    assert.match(text, new RegExp(`\r\n\r\nSuccess:Parsed key:\r\n${GROUPS}\r\n\r\n`));
    assert.match(
      text,
      /The synchronizer has initialized\r\nBuilding HSM Cache\r\nFound:3f0c1b0e-\S+\r\nCache generated\r\n/,
    );
    assert.match(text, /NOTE: the factory 'wheel' PIN is still in use/);
    assert.equal(console.fleet.unlocked, true);
    assert.equal(console.settings.get('MASTERKEY_SET'), true);
    assert.ok(!console.log.join('').includes('00070E15'));
    assert.ok(!console.log.join('').includes(FACTORY_PIN));
  });

  it('shows a random key in the exact shape', async () => {
    await using console = await startTestConsole();
    const client = await giveFactoryPin(console);
    await client.until(QUESTION);
    client.send('YES\r');
    await client.until('\r\n> ');
    client.send('\r');
    const text = await client.until(READY);
    assert.match(text, new RegExp(`\r\n\r\nSuccess:Random key:\r\n${GROUPS}\r\n\r\n`));
  });

  it('asks also when the key is set, takes n, and does not ask when the setting says so', async () => {
    await using console = await startTestConsole();
    console.fleet.masterKey = RANDOM_KEY;
    console.fleet.pins.set(User.WHEEL, 'changed');
    const client = await console.connect();
    client.send('\r');
    await client.until('Password: ');
    client.send('changed\r');
    await client.until(QUESTION);
    client.send('maybe\r');
    await client.until(`Invalid response\r\n${QUESTION}`);
    client.send('\r');
    await client.until(`\r\n\r\n${QUESTION}`);
    client.send('N\r');
    const text = await client.until(READY);
    assert.doesNotMatch(text, /NOTE: the factory/);
    assert.deepEqual(console.fleet.masterKey, RANDOM_KEY);

    await console.settings.set({ x_masterkey_always_ask: false });
    console.fleet.unlocked = false;
    client.send('logout\r');
    await client.until('Password: ');
    client.clear();
    client.send('changed\r');
    assert.doesNotMatch(await client.until(READY), /y\/n/);
  });

  it('warns of the keys that another master key would lose', async () => {
    await using console = await startTestConsole();
    console.fleet.masterKey = RANDOM_KEY;
    console.fleet.keysMasterKey = RANDOM_KEY;
    console.fleet.deviceKeys[0]!.keys = ['a', 'b', 'c'];
    const client = await giveFactoryPin(console);
    await client.until(QUESTION);
    client.send('y\r');
    await client.until('\r\n> ');
    client.clear();
    client.send('\r');
    assert.match(await client.until('(y/n) '), /lose 3 stored keys\?/);
    client.send('n\r');
    await client.until(READY);
    assert.deepEqual(console.fleet.masterKey, RANDOM_KEY);
    assert.equal(console.fleet.unlocked, true);
  });

  it('goes on after a malformed key and after a failure of a device', async () => {
    await using console = await startTestConsole();
    const client = await giveFactoryPin(console);
    await client.until(QUESTION);
    client.send('y\r');
    await client.until('\r\n> ');
    client.send(`${'0'.repeat(63)}\r`);
    assert.match(await client.until(READY), /Failed parsing master key, expected exactly 32 hex bytes/);

    console.fleet.unlocked = false;
    console.fleet.failure = new HalError('MASTERKEY_FAIL');
    client.send('logout\r');
    await client.until('Password: ');
    client.send(`${FACTORY_PIN}\r`);
    await client.until(QUESTION);
    client.send('y\r');
    await client.until('\r\n> ');
    client.clear();
    client.send('\r');
    const text = await client.until(READY);
    assert.match(text, /Failed/);
    assert.match(text, /try again later using the "masterkey set" command/);
  });

  it('is offered again after a connection that was left in the middle', async () => {
    await using console = await startTestConsole();
    const first = await giveFactoryPin(console);
    await first.until(QUESTION);
    first.socket.end();
    await first.closed();
    assert.equal(console.fleet.unlocked, false);
    const second = await giveFactoryPin(console);
    await second.until(QUESTION);
  });

  it('offers only harmless commands without login while no device can be reached', async () => {
    await using console = await startTestConsole();
    console.fleet.reachable = false;
    const client = await console.connect();
    client.send('\r');
    await client.until(READY);
    assert.match(await client.command('show devices'), /CTY device not connected\.\r\n > RPC0: Device failure/);
    assert.match(await client.command('list keys'), /ERROR: .*no device can be reached/);
    console.fleet.reachable = true;
    client.send('show time\r');
    await client.until('Password: ');
  });

  it('tells about a damaged settings file', async () => {
    await using console = await startTestConsole();
    Object.defineProperty(console.settings, 'problem', { value: 'settings.json was damaged' });
    const client = await giveFactoryPin(console);
    assert.match(await client.until(QUESTION), /WARNING: settings.json was damaged/);
  });
});
