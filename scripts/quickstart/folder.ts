/**
 * The folder of one instance:
 *
 *     quickstart.json    what to start again with; marks the folder as ours
 *     hsm/               state of the appliance (mode 0700)
 *     hsm.conf           client configuration
 *     env                variables for shells and systemd
 *     demo/              demo PINs and master key (mode 0700, files 0600)
 *     zone/              the zone, unsigned and signed
 */

import { randomInt } from 'node:crypto';
import { access, constants, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomically } from '#src/config/atomic-write.ts';
import { ConfigError, systemErrorCode, systemErrorText } from '#src/config/errors.ts';

import { type Ports } from './ports.ts';

/** Kept from one start to the next. */
export interface Memory {
  readonly ports?: Ports;
  readonly devices?: number;
  /** The first login is complete: the demo PINs are in force. */
  readonly setUp?: boolean;
}

export class Folder {
  readonly path: string;
  /** State folder of dks-hsmd. */
  readonly hsm: string;
  readonly zone: string;
  readonly env: string;
  readonly wheelPin: string;
  readonly soPin: string;
  readonly userPin: string;
  readonly masterKey: string;
  readonly #memory: string;

  constructor(path: string) {
    this.path = path;
    this.hsm = join(path, 'hsm');
    this.zone = join(path, 'zone');
    this.env = join(path, 'env');
    this.wheelPin = join(path, 'demo', 'wheel-pin');
    this.soPin = join(path, 'demo', 'so-pin');
    this.userPin = join(path, 'demo', 'user-pin');
    this.masterKey = join(path, 'demo', 'master-key');
    this.#memory = join(path, 'quickstart.json');
  }

  /** Makes the folder, or checks that it is one of ours and usable; demo PINs are chosen once. */
  async create(): Promise<void> {
    await this.#attempt(async () => {
      await mkdir(this.path, { recursive: true });
      await access(this.path, constants.R_OK | constants.W_OK | constants.X_OK);
      if (!(await this.exists()) && (await readdir(this.path)).length > 0) {
        throw new ConfigError(this.path, 'holds files of something else; give an empty or a new folder with --state');
      }
      await mkdir(join(this.path, 'demo'), { recursive: true, mode: 0o700 });
      await mkdir(this.zone, { recursive: true });
      await this.remember({});
      for (const file of [this.wheelPin, this.soPin, this.userPin]) {
        if (!(await isThere(file))) await writeSecret(file, randomPin());
      }
    });
  }

  /** Whether the folder is one of ours. */
  async exists(): Promise<boolean> {
    return this.#attempt(() => isThere(this.#memory));
  }

  async recall(): Promise<Memory> {
    if (!(await this.exists())) return {};
    try {
      return JSON.parse(await readFile(this.#memory, 'utf8')) as Memory;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new ConfigError(this.#memory, 'is damaged; "./quickstart clean" deletes this instance with all its keys', {
        cause: error,
      });
    }
  }

  async remember(change: Memory): Promise<void> {
    const memory = { ...(await this.recall()), ...change };
    await writeFileAtomically(this.#memory, `${JSON.stringify(memory, null, 2)}\n`, 0o644);
  }

  /** Deletes the folder with everything in it, but only if it is one of ours. */
  async delete(): Promise<void> {
    if (!(await this.#attempt(() => isThere(this.path)))) return;
    if (!(await this.exists())) throw new ConfigError(this.path, 'is no folder of the quickstart; it is left alone');
    // The last processes may just be writing their last files.
    await this.#attempt(() => rm(this.path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  }

  async #attempt<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
      throw new ConfigError(this.path, `${systemErrorText(error)}; use it as its owner, or give another with --state`, {
        cause: error,
      });
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Without a newline at the end: libp11 takes a PIN file byte by byte. */
export async function writeSecret(path: string, text: string): Promise<void> {
  await writeFileAtomically(path, text, 0o600);
}

/** Twelve digits, so that a person can type it. */
function randomPin(): string {
  return Array.from({ length: 12 }, () => randomInt(10)).join('');
}
