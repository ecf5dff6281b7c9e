/** From recorded to live values: handles, UUIDs, keys and signatures are others at every run. */

import { operations } from '#src/wire/operations.ts';

/** A shorter value may be equal to another by chance. */
const MIN_VALUE = 16;
/** Octets in which a spoilt value differs from the right one. */
const MAX_SPOILT = 4;
/** RFC 5649. */
const KEY_WRAP_BLOCK = 8;

const NO_UUID = '00'.repeat(16);

/** Functions whose first argument is a key handle. */
const WITH_KEY = new Set(
  Object.values(operations)
    .filter(({ leg, args }) => leg === 'vendor' && Object.keys(args)[0] === 'pkey')
    .map(({ code }) => code),
);

type Fields = Record<string, unknown>;

export class LiveValues {
  readonly #keys = new Map<number, number>();
  readonly #hashes = new Map<number, number>();
  readonly #uuids = new Map<string, string>();
  /** Last UUID of a page of PKEY_MATCH: the recorded one and the live one. */
  readonly #pageEnds = new Map<string, string>();
  readonly #values: { recorded: Uint8Array; live: Uint8Array }[] = [];

  /** The live arguments for recorded ones, `undefined` if they are the same. */
  argumentsFor(recorded: Fields): Fields | undefined {
    let changed = false;
    const live = Object.fromEntries(
      Object.entries(recorded).map(([name, value]) => {
        const other = this.#argument(name, value, recorded);
        changed ||= other !== value;
        return [name, other];
      }),
    );
    return changed ? live : undefined;
  }

  /** A message that cannot be decoded: only its first argument is replaced, if that is a key handle. */
  malformed(code: number, message: Uint8Array): Uint8Array {
    if (!WITH_KEY.has(code) || message.length < 12) return message;
    const copy = message.slice();
    const view = new DataView(copy.buffer);
    view.setUint32(8, this.#keys.get(view.getUint32(8)) ?? view.getUint32(8));
    return copy;
  }

  /** Learns a pair of values. Gives what is wrong with the live one, `undefined` if nothing. */
  learnKey(recorded: number, live: number): string | undefined {
    this.#keys.set(recorded, live);
    return sameMark('key handle', recorded, live);
  }

  learnHash(recorded: number, live: number): string | undefined {
    this.#hashes.set(recorded, live);
    return sameMark('hash handle', recorded, live);
  }

  learnUuid(recorded: Uint8Array, live: Uint8Array): string | undefined {
    this.#uuids.set(recorded.toHex(), live.toHex());
    return /^.{12}4.{3}[89ab]/.test(live.toHex()) ? undefined : 'a UUID that is not of version 4';
  }

  /** A value that was seen before has to be the same again. */
  learnValue(what: string, recorded: Uint8Array, live: Uint8Array): string | undefined {
    const known = this.#values.find((pair) => isSame(pair.recorded, recorded));
    if (known) return isSame(known.live, live) ? undefined : `another ${what} than before`;
    // The integers of another RSA key may be an octet shorter or longer, and a wrapped key then a block of 8 octets.
    const room = what === 'pkcs8' ? KEY_WRAP_BLOCK : 0;
    if (Math.abs(recorded.length - live.length) > room) {
      return `${what} of ${live.length} octets instead of ${recorded.length}`;
    }
    this.#values.unshift({ recorded: recorded.slice(), live: live.slice() });
    return undefined;
  }

  learnPage(recorded: readonly Uint8Array[], live: readonly Uint8Array[]): void {
    const [end, liveEnd] = [recorded.at(-1), live.at(-1)];
    if (end && liveEnd) this.#pageEnds.set(end.toHex(), liveEnd.toHex());
  }

  /** The live UUID of a recorded key. */
  uuid(recorded: string): string {
    return this.#uuids.get(recorded) ?? recorded;
  }

  #argument(name: string, value: unknown, all: Fields): unknown {
    if (name === 'pkey' || name === 'kekek') return this.#keys.get(value as number) ?? value;
    if (name === 'hash') return this.#hashes.get(value as number) ?? value;
    if (!(value instanceof Uint8Array)) return value;
    if (name === 'uuid') return replaced(value, this.#uuids);
    if (name === 'previous') {
      // In state 0 it is not looked at.
      return all['state'] === 0 || value.toHex() === NO_UUID ? value : replaced(value, this.#pageEnds);
    }
    return value.length < MIN_VALUE ? value : this.#derived(value);
  }

  /** A known value, or one that was made of it: spoilt, cut off, or with something added. */
  #derived(value: Uint8Array): Uint8Array {
    for (const { recorded, live } of this.#values) {
      if (recorded.length < MIN_VALUE) continue;
      if (isSame(value, recorded)) return live;
      if (recorded.length !== live.length) continue;
      const common = Math.min(value.length, recorded.length);
      const differing = value.subarray(0, common).filter((byte, i) => byte !== recorded[i]).length;
      if (differing > MAX_SPOILT || common < recorded.length - MAX_SPOILT) continue;
      return value.map((byte, i) => (i < common ? byte ^ recorded[i]! ^ live[i]! : byte));
    }
    return value;
  }
}

function replaced(value: Uint8Array, by: ReadonlyMap<string, string>): Uint8Array {
  const live = by.get(value.toHex());
  return live === undefined ? value : Uint8Array.fromHex(live);
}

function sameMark(what: string, recorded: number, live: number): string | undefined {
  if (live === 0) return `${what} 0`;
  return recorded >>> 31 === live >>> 31 ? undefined : `${what} with another bit 31`;
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
