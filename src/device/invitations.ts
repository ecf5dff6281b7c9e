/**
 * Random numbers that invite keys from other devices: what is sealed for one comes in once, here, through the connection that asked
 * for it, and soon: a seal that somebody kept does not bring back a key that was destroyed or locked up since.
 */

import { randomBytes } from 'node:crypto';
import { HalError } from '#src/wire/status.ts';

/** As a UUID of the protocol. */
const SIZE = 16;

/** Most that a connection has open; the oldest one ends. */
const PER_CONNECTION = 64;

/** Most connections that have any open. */
const CONNECTIONS = 1024;

/** How long one is good, in milliseconds. */
const LIFETIME_MS = 10_000;

export class Invitations {
  /** When each ends, by connection and number, oldest first. */
  readonly #open = new Map<number, Map<string, number>>();

  issue(connection: number, now: number = performance.now()): Uint8Array {
    let own = this.#open.get(connection);
    if (own === undefined) {
      makeRoom(this.#open, CONNECTIONS);
      this.#open.set(connection, (own = new Map()));
    }
    makeRoom(own, PER_CONNECTION);
    const invitation = randomBytes(SIZE);
    own.set(invitation.toHex(), now + LIFETIME_MS);
    return invitation;
  }

  /** Uses one up. HalError KEYWRAP_BAD_MAGIC if it is not open. */
  take(connection: number, invitation: Uint8Array, now: number = performance.now()): void {
    const own = this.#open.get(connection);
    const id = invitation.toHex();
    const end = own?.get(id) ?? now;
    own?.delete(id);
    if (own?.size === 0) this.#open.delete(connection);
    if (now >= end) throw new HalError('KEYWRAP_BAD_MAGIC', 'a sealed key was not asked for, or long ago');
  }

  /** Ends those of a connection. */
  forget(connection: number): void {
    this.#open.delete(connection);
  }
}

/** Room for one more: the oldest entry gives way. */
function makeRoom<Key>(entries: Map<Key, unknown>, most: number): void {
  const [oldest] = entries.keys();
  if (entries.size >= most && oldest !== undefined) entries.delete(oldest);
}
