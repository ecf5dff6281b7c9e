/**
 * A Debian machine for programs under test: a root folder of its own (copy on write over one that `debootstrap` made once), its own processes;
 * the network is the host's, so that an appliance on loopback is reached, or a namespace.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { failure, mustRun, type Outcome } from '../../scripts/quickstart/run-program.ts';
import { Conversation } from './conversation.ts';

/** Debian 12 and 13. */
export type Release = 'bookworm' | 'trixie';

const BUILD = join(import.meta.dirname, '..', '..', 'build', 'interop');
const SOURCES = '/etc/apt/sources.list.d/debian.sources';
const DEFAULT_MIRROR = 'http://deb.debian.org/debian';

/** Where a program finds the library and its configuration by default. */
export const MODULE_PATH = '/usr/lib/libcryptechdks-pkcs11.so';
export const CONFIG_FOLDER = '/etc/dkey/hsm';

const TIME_LIMIT_MS = 600_000;

const PACKAGES_START_NOTHING = '#!/bin/sh\nexit 101\n';

/** All machines have one folder of fetched packages, and `apt-get` does not wait for its lock. */
const APT_GET_TAKES_TURNS = '#!/bin/sh\nexec flock -o /var/cache/apt/archives/turn /usr/bin/apt-get "$@"\n';

/** The mounts that programs expect; they end with the process tree. */
const ENTER = `
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount -t tmpfs tmpfs "$0/run"
mkdir -p "$0/run/lock"
mount --bind "$1" "$0/var/cache/apt/archives"
exec chroot "$0" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \\
  DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 bash -euo pipefail /script
`;

export class Machine {
  readonly root: string;
  readonly #layer: string;

  private constructor(layer: string) {
    this.#layer = layer;
    this.root = join(layer, 'root');
  }

  static async start(release: Release): Promise<Machine> {
    const base = await baseOf(release);
    const layer = mkdtempSync(join(tmpdir(), `machine-${release}-`));
    const machine = new Machine(layer);
    // On its own file system: an overlay cannot lie upon another one.
    await mustRun('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', layer]);
    for (const folder of ['root', 'upper', 'work']) mkdirSync(join(layer, folder));
    const layers = `lowerdir=${base},upperdir=${layer}/upper,workdir=${join(layer, 'work')}`;
    await mustRun('mount', ['-t', 'overlay', '-o', layers, 'overlay', machine.root]);
    // As every installer leaves it, but not `debootstrap`.
    machine.write('/etc/hosts', '127.0.0.1 localhost\n');
    machine.write('/usr/local/sbin/apt-get', APT_GET_TAKES_TURNS, 0o755);
    return machine;
  }

  /** Copies a file of the host in, readable by everybody. */
  install(source: string, path: string): void {
    mkdirSync(join(this.root, path, '..'), { recursive: true });
    copyFileSync(source, join(this.root, path));
  }

  write(path: string, content: string, mode = 0o644): void {
    mkdirSync(join(this.root, path, '..'), { recursive: true });
    writeFileSync(join(this.root, path), content, { mode });
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  /** Runs a script as root in bash, stopping at its first error; all that it started ends with it, at the latest after ten minutes. */
  async attempt(script: string, onOutput?: (text: string) => void): Promise<Outcome> {
    return outcomeOf(this.#start(script), onOutput);
  }

  /**
   * Starts a script that is told what to do in lines on its standard input and answers each in a line on descriptor 3. It ends with its
   * input.
   * @param namespace the network namespace it runs in
   */
  converse(script: string, namespace: string, onOutput?: (text: string) => void): Conversation {
    const child = this.#start(script, namespace);
    return new Conversation(child, outcomeOf(child, onOutput));
  }

  #start(script: string, namespace?: string): ChildProcess {
    this.write('/script', script);
    const archives = join(BUILD, 'archives');
    mkdirSync(join(archives, 'partial'), { recursive: true });
    const isolated = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
    const command = ['unshare', ...isolated, 'bash', '-euc', ENTER, this.root, archives];
    if (namespace === undefined) {
      return spawn(command[0] as string, command.slice(1), {
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: TIME_LIMIT_MS,
        killSignal: 'SIGKILL',
      });
    }
    return spawn('nsenter', [`--net=/run/netns/${namespace}`, ...command], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  }

  /** As {@link attempt}, but a failure is an error. */
  async run(script: string): Promise<string> {
    const outcome = await this.attempt(script);
    if (outcome.status !== 0) throw failure('the script', outcome);
    return outcome.stdout + outcome.stderr;
  }

  async stop(): Promise<void> {
    await mustRun('umount', [this.root]);
    await mustRun('umount', [this.#layer]);
    rmSync(this.#layer, { recursive: true });
  }
}

/** All that a program says, from now to its end. */
async function outcomeOf(child: ChildProcess, onOutput: (text: string) => void = () => {}): Promise<Outcome> {
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const said = [child.stdout, child.stderr].map((stream) => {
    stream?.on('data', (chunk: Buffer) => onOutput(chunk.toString()));
    return text(stream as Readable);
  });
  const [stdout = '', stderr = ''] = await Promise.all(said);
  return { status: await ended, stdout, stderr };
}

/** The root folder of a release, made when it is first needed; it is kept. */
async function baseOf(release: Release): Promise<string> {
  const base = join(BUILD, release);
  if (existsSync(base)) return base;
  mkdirSync(BUILD, { recursive: true });
  const making = `${base}.${process.pid}`;
  const sources = existsSync(SOURCES) ? readFileSync(SOURCES, 'utf8') : undefined;
  const mirror = /^URIs:\s*(\S+)/m.exec(sources ?? '')?.[1] ?? DEFAULT_MIRROR;
  await mustRun('debootstrap', ['--variant=minbase', '--include=ca-certificates', release, making, mirror]);
  if (sources !== undefined) {
    rmSync(join(making, 'etc/apt/sources.list'), { force: true });
    const there = sources.replaceAll('bookworm', release).replaceAll(/^Types: deb$/gm, 'Types: deb deb-src');
    writeFileSync(join(making, SOURCES), there);
    // How this machine reaches the mirror is how the new one does.
    await mustRun('cp', ['-r', '/etc/apt/apt.conf.d/.', join(making, 'etc/apt/apt.conf.d/')]);
    rmSync(join(making, 'etc/apt/apt.conf.d/docker-clean'), { force: true });
  }
  writeFileSync(join(making, 'usr/sbin/policy-rc.d'), PACKAGES_START_NOTHING, { mode: 0o755 });
  await mustRun('chroot', [making, 'apt-get', 'update']);
  renameSync(making, base);
  return base;
}
