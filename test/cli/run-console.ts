/** Runs the real program `bin/dks_setup_console` as a child process. */

import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { TestConsole } from '#test/console/console-fixture.ts';
import { FACTORY_PIN } from '#test/console/fake-fleet.ts';

export const PROGRAM = fileURLToPath(new URL('../../bin/dks_setup_console', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export async function runConsole(args: readonly string[], input = ''): Promise<Outcome> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const status = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await status, out, err };
}

export interface Host {
  /** Folder of hsm.conf. */
  readonly folder: string;
  readonly hsmConf: string;
  readonly pinFile: string;
  file(name: string, content: string, mode?: number): Promise<string>;
}

/** The files of a host that is set up for a test console; they vanish with the console. */
export async function prepareHost(console: Pick<TestConsole, 'folder' | 'port'>): Promise<Host> {
  const folder = join(console.folder, 'host');
  await mkdir(folder);
  const file = async (name: string, content: string, mode = 0o600): Promise<string> => {
    await writeFile(join(folder, name), content, { mode });
    return join(folder, name);
  };
  return {
    folder,
    hsmConf: await file('hsm.conf', hsmConfText(console.port)),
    pinFile: await file('wheel-pin', `${FACTORY_PIN}\n`),
    file,
  };
}

export function hsmConfText(port: number, extra = ''): string {
  return (
    `<diamondhsm><cty><IP>127.0.0.1</IP><port>${port}</port>` +
    `<servername>dks-hsm</servername><serial>1000-0002</serial>${extra}</cty></diamondhsm>`
  );
}
