/** The whole appliance with nothing but a board on a serial line, used by a PKCS#11 program of others. */

import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { holder } from '#src/daemon/holder.ts';
import { type Appliance, FACTORY_PIN, startAppliance } from '../appliance.ts';
import { ConsoleTerminal } from '../console-terminal.ts';
import { Pkcs11Host } from '../interop/pkcs11-host.ts';
import { until } from '../processes.ts';
import { BoardUnderTest } from './board-under-test.ts';
import { SerialLine } from './serial-line.ts';

const USER_PIN = 'user-4711';
const state = mkdtempSync(join(tmpdir(), 'dks-serial-state-'));
let board: BoardUnderTest;
let line: SerialLine;
let appliance: Appliance;
let host: Pkcs11Host;

/** The first login after a start; the board has its master key already. */
async function unlock(...commands: string[]): Promise<string> {
  const terminal = await ConsoleTerminal.open(appliance.consolePort);
  try {
    await terminal.expect('Password: ');
    terminal.send(FACTORY_PIN);
    let output = await terminal.expect('(y/n) ');
    terminal.send('n');
    output += await terminal.expect('Diamond-HSM > ');
    for (const command of commands) output += await terminal.command(command);
    return output;
  } finally {
    await terminal.close();
  }
}

async function start(): Promise<void> {
  appliance = await startAppliance({ state, devices: 0, args: ['--device', `serial:${line.path}`] });
}

const names = (): Record<string, string> =>
  JSON.parse(readFileSync(join(state, 'board-key-names.json'), 'utf8')) as Record<string, string>;

before(async () => {
  line = new SerialLine();
  board = await BoardUnderTest.start();
  await line.plugIn(board);
  await start();
  const output = await unlock(`set pin user ${USER_PIN}`);
  assert.match(output, /device 0: CTY0 ok, RPC0 ok, cores ok, master key: Set/);
  assert.match(output, /PIN for 'user' set\./);
  host = await Pkcs11Host.of(appliance, USER_PIN);
});
after(async () => {
  await host.stop();
  await appliance.stop();
  await holder.end(join(state, 'run', 'mkm.sock'));
  await line.remove();
  await board.stop();
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});
afterEach(() => assert.deepEqual(board.faults, []));

/** Signs with the key of an id; openssl's verdict. */
async function signs(id: string, key: 'rsa' | 'ec'): Promise<boolean> {
  const data = crypto.getRandomValues(new Uint8Array(1000));
  host.write('data', data);
  host.write('digest', createHash('sha256').update(data).digest());
  await host.p11LoggedIn(`--read-object --type pubkey --id ${id} --output-file public.der`);
  const publicKey = createPublicKey({ key: host.read('public.der'), format: 'der', type: 'spki' });
  if (key === 'rsa') {
    await host.p11LoggedIn(`--sign --mechanism SHA256-RSA-PKCS --id ${id} --input-file data --output-file signature`);
    return verify('sha256', data, publicKey, host.read('signature'));
  }
  await host.p11LoggedIn(`--sign --mechanism ECDSA --id ${id} --input-file digest --output-file signature`);
  return verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, host.read('signature'));
}

test('keys are generated, listed, used and destroyed over PKCS#11', async () => {
  await host.p11LoggedIn('--keypairgen --key-type rsa:2048 --id 01 --label ksk --usage-sign');
  await host.p11LoggedIn('--keypairgen --key-type EC:prime256v1 --id 02 --label zsk --usage-sign');
  await host.p11LoggedIn('--keypairgen --key-type EC:secp384r1 --id 03 --label gone --usage-sign');
  const objects = await host.p11LoggedIn('--list-objects');
  for (const label of ['ksk', 'zsk', 'gone']) assert.equal(objects.split(`label:      ${label}`).length, 3, objects);
  assert.ok(await signs('01', 'rsa'));
  assert.ok(await signs('02', 'ec'));
  for (const type of ['privkey', 'pubkey']) await host.p11LoggedIn(`--delete-object --type ${type} --id 03`);
  assert.doesNotMatch(await host.p11LoggedIn('--list-objects'), /gone/);
  assert.equal(Object.keys(names()).length, 4);
});

test('an Edwards key is refused: this device has none', async () => {
  const outcome = await host.attempt('pkcs11-tool', [
    ...['--module', host.env['PKCS11_MODULE_PATH'] as string, '--login', '--pin', USER_PIN],
    ...['--keypairgen', '--key-type', 'EC:edwards25519', '--id', '09'],
  ]);
  assert.notEqual(outcome.status, 0);
});

test('the line is unplugged and plugged in again', async () => {
  await line.unplug();
  await until(() => appliance.log.includes('device 0 is restarted'));
  await line.plugIn(board);
  assert.ok(await signs('02', 'ec'));
});

test('after a restart the keys have the same names', async () => {
  const before = names();
  const ports = { rpc: appliance.rpcPort, console: appliance.consolePort };
  assert.equal(await appliance.halt(), 0);
  const args = ['--device', `serial:${line.path}`];
  appliance = await startAppliance({ state, devices: 0, args, ports });
  await unlock();
  assert.deepEqual(names(), before);
  assert.ok(await signs('01', 'rsa'));
  assert.ok(await signs('02', 'ec'));
});
