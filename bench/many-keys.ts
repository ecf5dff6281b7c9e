/**
 * What many keys cost: searches, listing, generation, start and memory with few and with many key pairs on one appliance.
 *
 *   npm run bench:many -- [--pairs 50,50000] [--searches 2000] [--made 500] [--devices 2]
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { parseArgs } from 'node:util';
import { holder } from '#src/daemon/holder.ts';
import { type Appliance, type Secrets, startAppliance } from '#test/appliance.ts';
import { Bug } from '#src/wire/status.ts';
import { MODULE, Pkcs11Host } from '#test/interop/pkcs11-host.ts';
import { fillStores, objectsOf } from './fill-store.ts';

const ROOT = join(import.meta.dirname, '..');
const PROGRAM = join(ROOT, 'build/bench/many-keys');

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '50,50000' },
    searches: { type: 'string', default: '2000' },
    made: { type: 'string', default: '500' },
    devices: { type: 'string', default: '2' },
  },
});
const devices = Number(options.devices);

/** Figures by name, in the order of the table. */
type Figures = Map<string, string>;

function compile(): void {
  mkdirSync(join(ROOT, 'build/bench'), { recursive: true });
  const includes = ['-I', join(ROOT, 'pkcs11'), '-I', join(ROOT, 'build/pkcs11')];
  const source = join(ROOT, 'bench/many-keys.c');
  execFileSync(
    'gcc',
    ['-O2', '-D_GNU_SOURCE', '-Wall', '-Wextra', ...includes, source, '-o', PROGRAM, '-ldl', '-lpthread'],
    {
      stdio: 'inherit',
    },
  );
}

/** Resident memory in KiB of the daemon, and of all devices together. */
function resident(daemon: number): { daemon: number; devices: number } {
  const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(daemon)], { encoding: 'utf8' });
  const pids = children.split('\n').filter((row) => row.includes('src/device/main.ts'));
  const of = (pid: number): number =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN);
  return { daemon: of(daemon), devices: pids.reduce((sum, row) => sum + of(Number.parseInt(row.trim())), 0) };
}

/** Milliseconds from the wheel's PIN to the end of the key table. */
async function unlock(appliance: Appliance, { wheelPin }: Secrets): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port: appliance.consolePort, rejectUnauthorized: false });
  let tail = '';
  const expect = async (text: string): Promise<void> => {
    while (!tail.includes(text)) {
      const { promise, resolve } = Promise.withResolvers<Buffer>();
      socket.once('data', resolve);
      tail = (tail + (await promise).toString('latin1')).slice(-1000 - text.length);
    }
    tail = '';
  };
  socket.write('\r');
  await expect('Password: ');
  const start = performance.now();
  socket.write(`${wheelPin}\r`);
  await expect('(y/n) ');
  socket.write('n\r');
  await expect('Cache generated');
  const time = performance.now() - start;
  socket.destroy();
  return time;
}

async function run(pairs: number): Promise<Figures> {
  const figures: Figures = new Map();
  const objects = objectsOf(pairs);
  const perObject = (kibibytes: number): string => ((kibibytes * 1024) / objects).toFixed(0);
  const state = mkdtempSync(join(tmpdir(), 'dks-many-keys-'));
  let appliance = await startAppliance({ state, devices });
  let host: Pkcs11Host | undefined;
  const program = (...args: string[]): string => {
    const folder = host?.folder ?? '';
    return execFileSync(PROGRAM, [MODULE, join(folder, 'pin'), ...args], {
      env: { ...process.env, ...host?.env },
      encoding: 'utf8',
    }).trim();
  };
  const forget = (): void => {
    if (host) rmSync(host.folder, { recursive: true, force: true });
  };
  const meet = async (secrets: Secrets): Promise<void> => {
    forget();
    host = await Pkcs11Host.of(appliance, secrets.userPin);
  };
  try {
    const secrets = await appliance.setUp();
    await meet(secrets);
    program('generate', '0', String(devices), '1');
    await appliance.halt();
    fillStores({ state, devices, masterKey: secrets.masterKey, from: devices, pairs: pairs - devices });

    appliance = await startAppliance({ state, devices });
    const before = resident(appliance.pid);
    figures.set('start of the processes, s', (appliance.startMs / 1000).toFixed(2));
    figures.set('login to unlocked, s', ((await unlock(appliance, secrets)) / 1000).toFixed(2));
    const after = resident(appliance.pid);
    figures.set('daemon, MiB after unlock', (after.daemon / 1024).toFixed(0));
    figures.set('devices, MiB after unlock', (after.devices / 1024).toFixed(0));
    figures.set('daemon, bytes per object', perObject(after.daemon - before.daemon));
    figures.set('devices, bytes per object', perObject(after.devices - before.devices));
    await meet(secrets);
    const searches = program('search', String(pairs), options.searches);
    for (const line of searches.split('\n')) {
      const [name, p50, p99] = line.split(' ');
      figures.set(`search ${name}, us`, `${p50} / ${p99}`);
    }
    const [count = 0, listed = 0, read = 0, own = 0, grown = 0] = program('list').split(' ').map(Number);
    if (count !== objects) throw new Bug(`${count} of ${objects} objects are listed`);
    figures.set('listing, s', listed.toFixed(2));
    figures.set('reading 3 attributes of each, s', read.toFixed(2));
    figures.set('client, bytes per object', perObject(grown - own));
    let made = 0;
    for (const threads of ['1', '8']) {
      figures.set(
        `P-256 pairs made per s, threads: ${threads}`,
        program('generate', String(pairs + made), options.made, threads),
      );
      made += Number(options.made);
    }
    const end = resident(appliance.pid);
    figures.set('daemon, MiB at the end', (end.daemon / 1024).toFixed(0));
    figures.set('devices, MiB at the end', (end.devices / 1024).toFixed(0));
  } finally {
    await appliance.halt();
    forget();
    await holder.end(join(state, 'run', 'mkm.sock')).catch(() => {});
    rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
  return figures;
}

compile();
const columns: { pairs: number; figures: Figures }[] = [];
for (const pairs of options.pairs.split(',').map(Number)) columns.push({ pairs, figures: await run(pairs) });
const names = [...(columns[0]?.figures.keys() ?? [])];
const width = Math.max(...names.map((name) => name.length));
console.log(['objects'.padEnd(width), ...columns.map(({ pairs }) => String(objectsOf(pairs)).padStart(14))].join(' '));
for (const name of names) {
  console.log([name.padEnd(width), ...columns.map(({ figures }) => (figures.get(name) ?? '').padStart(14))].join(' '));
}
