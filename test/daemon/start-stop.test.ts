import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { holder } from '#src/daemon/holder.ts';
import { type Appliance, daemonArgs, startAppliance } from '../appliance.ts';
import { ConsoleTerminal } from '../console-terminal.ts';
import { RpcClient } from '../rpc/rpc-client.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/dks-hsmd', import.meta.url));

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dks-daemon-'));
});
after(async () => {
  await holder.end(join(folder, 'run', 'mkm.sock')).catch(() => {});
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

/** Runs the program to its end. */
async function run(...args: string[]): Promise<{ status: number; output: string; errors: string }> {
  const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [status] = (await once(child, 'close')) as [number];
  return { status, output, errors };
}

test('options: help, an unknown one, bad values', async () => {
  const help = await run('--help');
  assert.equal(help.status, 0);
  assert.match(help.output, /--rpc-port N .*8080/);
  const unknown = await run('--frobnicate');
  assert.equal(unknown.status, 2);
  assert.match(unknown.errors, /--frobnicate/);
  assert.match(unknown.errors, /--state .*--devices/);
  for (const [args, problem] of [
    [['--rpc-port', '70000'], /--rpc-port takes a number from 0 to 65535, not "70000"/],
    [['--devices', '0'], /--devices takes a number from 1/],
    [['--listen', 'somewhere'], /--listen takes an IP address/],
    [['positional'], /positional/],
  ] as const) {
    const { status, errors } = await run(...args);
    assert.equal(status, 2);
    assert.match(errors, problem);
  }
});

test('an unusable state folder is named', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const state of [file, join(file, 'below'), '/proc/nowhere']) {
    const { status, errors } = await run(...daemonArgs(state));
    assert.equal(status, 1);
    assert.ok(errors.includes(state), errors);
    assert.doesNotMatch(errors, /\n\s+at /, 'no stack trace');
  }
  rmSync(file);
});

test('an occupied port is named, with the option that changes it', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as AddressInfo;
  for (const option of ['--rpc-port', '--console-port', '--web-port']) {
    const { status, errors } = await run(...daemonArgs(folder), option, String(port));
    assert.equal(status, 1, errors);
    assert.match(errors, new RegExp(`port ${port} is in use`));
    assert.ok(errors.includes(option), errors);
  }
  blocker.close();
});

test('a second daemon on the same state folder is refused, the first goes on', async () => {
  const first = await startAppliance({ state: folder });
  const { status, errors } = await run(...daemonArgs(folder));
  assert.equal(status, 1);
  assert.match(errors, /another dks-hsmd runs on the state folder/);
  const client = await RpcClient.vendor(first.rpcPort);
  await client.call('GET_VERSION', {});
  await client.close();
  assert.equal(await first.halt(), 0);
});

test('the identity stays over a restart, the run file tells about the running daemon', async () => {
  const first = await startAppliance({ state: folder });
  const runFile = join(folder, 'run', 'dks-hsmd.json');
  const { pid, rpcPort, fingerprint, serial } = JSON.parse(readFileSync(runFile, 'utf8')) as Appliance;
  assert.deepEqual({ pid, rpcPort, fingerprint, serial }, { ...pick(first) });
  assert.match(fingerprint, /^[0-9a-f]{64}$/);
  assert.equal(statSync(join(folder, 'tls', 'key.pem')).mode & 0o777, 0o600);
  await first.halt();
  assert.equal(existsSync(runFile), false);
  const second = await startAppliance({ state: folder });
  assert.equal(second.fingerprint, first.fingerprint);
  assert.equal(second.serial, first.serial);
  await second.halt();
});

function pick({ pid, rpcPort, fingerprint, serial }: Appliance) {
  return { pid, rpcPort, fingerprint, serial };
}

test('a daemon that was killed leaves nothing that hinders the next one', async () => {
  const first = await startAppliance({ state: folder });
  await first.kill();
  const second = await startAppliance({ state: folder });
  assert.equal(await second.halt(), 0);
});

test('a damaged TLS key is named, not replaced', async () => {
  const keyFile = join(folder, 'tls', 'key.pem');
  const key = readFileSync(keyFile);
  writeFileSync(keyFile, 'damaged');
  const { status, errors } = await run(...daemonArgs(folder));
  assert.equal(status, 1);
  assert.ok(errors.includes(keyFile), errors);
  assert.equal(readFileSync(keyFile, 'utf8'), 'damaged');
  writeFileSync(keyFile, key);
});

test('the known-answer tests run in every device on demand', async () => {
  const appliance = await startAppliance();
  const { wheelPin } = await appliance.setUp();
  const terminal = await ConsoleTerminal.open(appliance.consolePort);
  await terminal.expect('Password: ');
  terminal.send(wheelPin);
  await terminal.expect('Diamond-HSM > ');
  const answer = await terminal.command('self test');
  assert.match(answer, /RPC0: [1-9]\d+ known-answer tests passed\.\r\nRPC1: [1-9]\d+ known-answer tests passed\./);
  await terminal.close();
  await appliance.stop();
});

test('shutdown restart ends with 75 and keeps the master key; shutdown ends with 0 and loses it', async () => {
  const appliance = await startAppliance();
  const { wheelPin } = await appliance.setUp();
  await consoleShutdown(appliance, wheelPin, 'shutdown restart YesIAmSure');
  assert.equal(await appliance.exited, 75);

  const second = await startAppliance({ state: appliance.state });
  await second.unlock(wheelPin);
  const client = await RpcClient.own(second.rpcPort);
  assert.equal((await client.call('TOKEN_INFO', {})).state, 0, 'operational');
  await client.close();
  await consoleShutdown(second, wheelPin, 'shutdown YesIAmSure');
  assert.equal(await second.exited, 0);

  const third = await startAppliance({ state: appliance.state });
  const late = await RpcClient.own(third.rpcPort);
  assert.equal((await late.call('TOKEN_INFO', {})).state, 2, 'no master key');
  await late.close();
  await third.halt();
  await appliance.stop();
});

async function consoleShutdown(appliance: Appliance, wheelPin: string, command: string): Promise<void> {
  const terminal = await ConsoleTerminal.open(appliance.consolePort);
  await terminal.expect('Password: ');
  terminal.send(wheelPin);
  await terminal.expect('Diamond-HSM > ');
  terminal.send(command);
  await terminal.expect('hut');
}
