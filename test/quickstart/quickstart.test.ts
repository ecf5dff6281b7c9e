/** The newcomer's way: ./quickstart and what it leaves behind. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { type Outcome, runProgram } from '../../scripts/quickstart/run-program.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FRONT = join(ROOT, 'quickstart');
const MAIN = join(ROOT, 'scripts', 'quickstart', 'main.ts');

interface Facts {
  readonly pid: number;
  readonly serial: string;
  readonly fingerprint: string;
  readonly rpcPort: number;
  readonly running: boolean;
  readonly firstStart: boolean;
  readonly keys: readonly { label: string; id: string }[];
  readonly signatures: number;
  readonly verifiedBy: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly milliseconds: Readonly<Record<string, number>>;
}

const quickstart = (...args: string[]): Promise<Outcome> =>
  runProgram(process.execPath, [MAIN, ...args], { cwd: ROOT });

/** A call that has to succeed; gives its JSON. */
async function facts(...args: string[]): Promise<Facts> {
  const { status, stdout, stderr } = await quickstart(...args, '--json');
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Facts;
}

/** Public keys of the signed zone, in the order of the file. */
function dnskeys(zone: string): string[] {
  return readFileSync(zone, 'utf8')
    .split('\n')
    .filter((line) => /\sDNSKEY\s+25[67] 3 /.test(line))
    .map((line) => line.replace(/\s+/g, ' ').replace(/ ;.*/, ''));
}

describe('quickstart', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quickstart test ')); // with blanks: paths are quoted where they have to be
  const state = join(folder, 'one');
  let first: Facts;

  after(async () => {
    for (const name of ['one', 'two']) await quickstart('clean', '--state', join(folder, name));
    rmSync(folder, { recursive: true, force: true });
  });

  it('starts an appliance, logs in, signs a zone, and says how to go on', async () => {
    const { status, stdout, stderr } = await runProgram(FRONT, ['start', '--state', state]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /started an appliance with 2 devices/);
    assert.match(stdout, /first login by dks_setup_console/);
    assert.match(stdout, /([0-9A-F]{8} ){7}[0-9A-F]{8}/, 'the master key');
    assert.match(stdout, /generated the keys in the HSM/);
    assert.match(stdout, /signed example\.net with RSASHA256 by ldns-signzone/);
    assert.match(stdout, /verified by ldns-verify-zone and dnssec-verify/);
    assert.match(stdout, /quickstart stop/);
    assert.ok(stdout.split('\n').length < 24, stdout);
  });

  it('takes a second call in a moment, with the same appliance and keys', async () => {
    first = await facts('start', '--state', state);
    assert.equal(first.firstStart, false);
    assert.deepEqual(first.verifiedBy, ['ldns-verify-zone', 'dnssec-verify']);
    assert.ok((first.milliseconds['total'] ?? Infinity) < 15_000);
    const again = await facts('start', '--state', state);
    assert.equal(again.pid, first.pid);
    assert.deepEqual(again.keys, first.keys);
  });

  it('leaves variables for shells and systemd: any PKCS#11 program works', async () => {
    const { environment } = first;
    assert.deepEqual(Object.keys(environment).sort(), [
      'DIAMOND_HSM_CONFIG_PATH',
      'DKS_CONSOLE_PORT',
      'DKS_RPC_PORT',
      'DKS_SIGNED_ZONE',
      'DKS_USER_PIN_FILE',
      'DKS_WEB_PORT',
      'DKS_WHEEL_PIN_FILE',
      'PKCS11_MODULE',
    ]);
    const script = `set -eu
. "$1"
ldns-verify-zone "$DKS_SIGNED_ZONE"
pkcs11-tool --module "$PKCS11_MODULE" --login --pin "$(cat "$DKS_USER_PIN_FILE")" --list-objects`;
    const { status, stdout, stderr } = await runProgram('sh', ['-c', script, 'sh', join(state, 'env')]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /Zone is verified and complete/);
    assert.match(stdout, /Private Key Object; RSA[\s\S]*never extractable/);

    // systemd reads NAME=value lines, quotes allowed, and ignores lines without "=".
    for (const line of readFileSync(join(state, 'env'), 'utf8').trim().split('\n')) {
      assert.match(line, /^(#.*|[A-Z0-9_]+=([^' ]+|'[^']+')|[^=]+)$/);
    }
  });

  it('keeps demo PINs in files of their owner, without a newline', () => {
    for (const name of ['DKS_USER_PIN_FILE', 'DKS_WHEEL_PIN_FILE']) {
      const file = first.environment[name] ?? '';
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.match(readFileSync(file, 'utf8'), /^\d{12}$/);
    }
    assert.match(readFileSync(join(state, 'env'), 'utf8'), /demo PINs/);
  });

  it('tells its status', async () => {
    const { status, stdout } = await quickstart('status', '--state', state);
    assert.equal(status, 0);
    assert.match(stdout, /^running: process \d+/);
    assert.match(stdout, /device 1: Active - Ready/);
  });

  it('signs with ECDSAP256SHA256 and ED25519 too, and with RSASHA256 still after that', async () => {
    for (const algorithm of ['ECDSAP256SHA256', 'ED25519', 'RSASHA256']) {
      const { environment, signatures } = await facts('start', '--state', state, '--algorithm', algorithm);
      assert.ok(signatures > 10, algorithm);
      const number = { ECDSAP256SHA256: 13, ED25519: 15, RSASHA256: 8 }[algorithm];
      const keys = dnskeys(environment['DKS_SIGNED_ZONE'] ?? '');
      assert.equal(keys.length, 2, algorithm);
      for (const key of keys) assert.match(key, new RegExp(`DNSKEY 25[67] 3 ${number} `));
    }
  });

  it('runs beside a second instance', async () => {
    const second = await facts('start', '--state', join(folder, 'two'), '--devices', '1');
    const now = await facts('status', '--state', state);
    assert.equal(now.pid, first.pid);
    assert.notEqual(second.serial, first.serial);
    assert.notEqual(second.rpcPort, first.rpcPort);
  });

  it('starts again after stop, with the same keys', async () => {
    const before = dnskeys(first.environment['DKS_SIGNED_ZONE'] ?? '');
    const { status, stdout } = await quickstart('stop', '--state', state);
    assert.equal(status, 0);
    assert.match(stdout, /stopped/);
    const stopped = await quickstart('status', '--state', state);
    assert.equal(stopped.status, 3);
    assert.match(stopped.stdout, /stopped; start it with/);

    const again = await facts('start', '--state', state);
    assert.notEqual(again.pid, first.pid);
    assert.equal(again.serial, first.serial);
    assert.equal(again.fingerprint, first.fingerprint);
    assert.equal(again.rpcPort, first.rpcPort);
    assert.deepEqual(dnskeys(again.environment['DKS_SIGNED_ZONE'] ?? ''), before);
  });

  it('starts again after the appliance was killed', async () => {
    const { pid } = await facts('status', '--state', state);
    process.kill(pid, 'SIGKILL');
    const again = await facts('start', '--state', state);
    assert.notEqual(again.pid, pid);
    assert.equal(again.serial, first.serial);
  });

  it('deletes everything, but only its own folder', async () => {
    const strange = join(folder, 'strange');
    mkdirSync(strange);
    writeFileSync(join(strange, 'thesis.txt'), 'years of work');
    const refused = await quickstart('clean', '--state', strange);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /no folder of the quickstart/);
    assert.ok(existsSync(join(strange, 'thesis.txt')));
    const alsoRefused = await quickstart('start', '--state', strange);
    assert.equal(alsoRefused.status, 1);
    assert.match(alsoRefused.stderr, /holds files of something else/);

    assert.equal((await quickstart('clean', '--state', join(folder, 'two'))).status, 0);
    assert.equal(existsSync(join(folder, 'two')), false);
    assert.equal((await quickstart('status', '--state', join(folder, 'two'))).status, 3);
  });
});

describe('quickstart, called wrongly', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quickstart-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [args, message] of [
    [['--colour'], /unknown option or command '--colour'/],
    [['launch'], /unknown option or command 'launch'/],
    [['start', 'stop'], /one command at a time/],
    [['--algorithm', 'MD5'], /unknown --algorithm 'MD5': one of RSASHA256, ECDSAP256SHA256, ED25519/],
    [['--rpc-port', '99999'], /--rpc-port 99999: a number from 1 to 65535/],
    [['--web-port', 'http'], /--web-port http: a number/],
    [['--devices', '0'], /--devices 0: a number from 1 to 8/],
  ] as const) {
    it(`says what is wrong with: ${args.join(' ')}`, async () => {
      const { status, stderr } = await runProgram(FRONT, args);
      assert.equal(status, 2);
      assert.match(stderr, message);
    });
  }

  it('says which port is in use, and leaves nothing running', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const state = join(folder, 'port');
    const { status, stderr } = await quickstart('start', '--state', state, '--console-port', String(port));
    server.close();
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`--console-port ${port}: the port is in use`));
    assert.equal((await quickstart('status', '--state', state)).status, 3);
  });

  it('says so when the state folder is a file', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { status, stderr } = await quickstart('start', '--state', file);
    assert.equal(status, 1);
    assert.match(stderr, /file: .*(not a folder|exists already).*--state/);
  });

  it('names the programs that are missing and their packages', async () => {
    const { status, stderr } = await runProgram(process.execPath, [MAIN, '--state', join(folder, 'missing')], {
      env: { PATH: '' },
    });
    assert.equal(status, 1);
    assert.match(stderr, /missing programs: .*pkcs11-tool.*apt-get install .*opensc/);
  });

  it('answers with JSON also when it fails', async () => {
    const { status, stdout } = await quickstart('clean', '--state', '/', '--json');
    assert.equal(status, 1);
    assert.match((JSON.parse(stdout) as { error: string }).error, /no folder of the quickstart/);
  });

  it('shows how it is called', async () => {
    const { status, stdout } = await runProgram(FRONT, ['--help']);
    assert.equal(status, 0);
    assert.match(stdout, /^usage: \.\/quickstart \[start\|status\|stop\|clean\]/);
  });
});
