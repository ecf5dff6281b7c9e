/**
 * The names that clients know the keys of boards by. A board cannot store them, so they are kept in a file of the form that
 * the vendor's appliance uses: `{ "<UUID in the board>": "<UUID for clients>" }`. One file for all boards: UUIDs in boards
 * never collide, and a board stays known when it gets another port.
 */

import { readFile, rename } from 'node:fs/promises';
import { writeFileAtomically } from '#src/config/atomic-write.ts';
import { ConfigError, systemErrorCode, systemErrorText } from '#src/config/errors.ts';

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

export class KeyNames {
  /** What was wrong with the file, for the log; `undefined` if nothing was. */
  readonly problem: string | undefined;
  readonly #path: string;
  /** Both as 32 hexadecimal digits. */
  readonly #names: Map<string, string>;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, names: Map<string, string>, problem?: string) {
    this.#path = path;
    this.#names = names;
    this.problem = problem;
  }

  /** @throws ConfigError if the file can be neither read nor put aside */
  static async open(path: string): Promise<KeyNames> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return new KeyNames(path, new Map());
      throw new ConfigError(path, `cannot be read: ${systemErrorText(error)}`, { cause: error });
    }
    const names = parse(text);
    if (names) return new KeyNames(path, names);
    const aside = `${path}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '')}`;
    await rename(path, aside);
    return new KeyNames(path, new Map(), `${path} was damaged: keys of boards get new names, the old file is ${aside}`);
  }

  /** The name of a key of a board. */
  of(key: Uint8Array): Uint8Array | undefined {
    const name = this.#names.get(key.toHex());
    return name === undefined ? undefined : Uint8Array.fromHex(name);
  }

  /** The UUIDs in boards that have a name; mirrored keys have one in each. */
  keysOf(name: Uint8Array): Uint8Array[] {
    const wanted = name.toHex();
    return [...this.#names].filter(([, known]) => known === wanted).map(([key]) => Uint8Array.fromHex(key));
  }

  /** Enters names; they are on the disk when this resolves. @throws ConfigError */
  async add(entries: readonly (readonly [key: Uint8Array, name: Uint8Array])[]): Promise<void> {
    if (entries.length === 0) return;
    for (const [key, name] of entries) this.#names.set(key.toHex(), name.toHex());
    await this.#save();
  }

  async remove(keys: readonly Uint8Array[]): Promise<void> {
    const known = keys.filter((key) => this.#names.delete(key.toHex()));
    if (known.length > 0) await this.#save();
  }

  #save(): Promise<void> {
    const save = this.#saving.then(() => {
      const text = Object.fromEntries([...this.#names].map(([key, name]) => [withHyphens(key), withHyphens(name)]));
      return writeFileAtomically(this.#path, `${JSON.stringify(text, null, 1)}\n`, 0o600);
    });
    this.#saving = save.catch(() => {});
    return save;
  }
}

function parse(text: string): Map<string, string> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
    const entries = Object.entries(json as Record<string, unknown>);
    if (!entries.every(([key, name]) => UUID.test(key) && typeof name === 'string' && UUID.test(name)))
      return undefined;
    return new Map(entries.map(([key, name]) => [plain(key), plain(name as string)]));
  } catch {
    return undefined;
  }
}

function plain(uuid: string): string {
  return uuid.replaceAll('-', '').toLowerCase();
}

function withHyphens(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
