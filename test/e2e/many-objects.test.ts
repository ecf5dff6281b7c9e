/** Some thousands of objects on a real appliance, seen by programs through the library: those of `npm run bench:many`. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { holder } from '#src/daemon/holder.ts';
import { fillStores, objectsOf } from '../../bench/fill-store.ts';
import { type Appliance, startAppliance } from '../appliance.ts';
import { Pkcs11Host } from '../interop/pkcs11-host.ts';
import { buildProgram, MODULE } from '../pkcs11/programs.ts';

const PAIRS = 1500;
const DEVICES = 2;

const state = mkdtempSync(join(tmpdir(), 'dks-many-objects-'));
let appliance: Appliance;
let host: Pkcs11Host;

before(async () => {
  appliance = await startAppliance({ state, devices: DEVICES });
  const { masterKey, userPin } = await appliance.setUp();
  host = await Pkcs11Host.of(appliance, userPin);
  await program('generate', '0', String(DEVICES), '1');
  await appliance.halt();
  fillStores({ state, devices: DEVICES, masterKey, from: DEVICES, pairs: PAIRS - DEVICES });
  appliance = await startAppliance({ state, devices: DEVICES });
  await appliance.unlock();
  rmSync(host.folder, { recursive: true, force: true });
  host = await Pkcs11Host.of(appliance, userPin);
});

after(async () => {
  await appliance.halt();
  await holder.end(join(state, 'run', 'mkm.sock')).catch(() => {});
  rmSync(host.folder, { recursive: true, force: true });
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

async function program(...args: string[]): Promise<string> {
  const file = buildProgram('many-keys', join(import.meta.dirname, '..', '..', 'bench'));
  const env = { ...process.env, ...host.env };
  const { stdout } = await promisify(execFile)(file, [MODULE, join(host.folder, 'pin'), ...args], { env });
  return stdout.trim();
}

const listed = async (): Promise<number> => Number((await program('list')).split(' ')[0]);

test('a listing crosses in pages and is complete; what another process makes is in the next one', async () => {
  const count = objectsOf(PAIRS);
  assert.ok(count > 3 * 1024);
  assert.equal(await listed(), count);
  await program('generate', String(PAIRS), '3', '3');
  assert.equal(await listed(), count + 6);
});

test('every kind of search finds the objects that it is for, and nothing else', async () => {
  // The program itself ends with an error if a search finds another number of objects than there are.
  const lines = (await program('search', String(PAIRS), '15')).split('\n');
  const found = new Map(lines.map((line) => [line.split(' ')[0], line.split(' ')[3]]));
  assert.ok(found.size > 20, String(found.size));
  assert.equal(found.get('public:CLASS,ID'), '0', 'private keys are not there without login');
  assert.equal(found.get('CLASS,ID'), '15');
  assert.equal(found.get('CLASS,ISSUER,SERIAL'), '15');
  assert.equal(found.get('none:CLASS,ID'), '0');
});
