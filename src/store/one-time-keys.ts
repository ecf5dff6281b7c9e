/** What the key store keeps about the one-time keys of a hash-based key (RFC 8554 section 9.2: the state of a private key). */

/** The one-time keys that a new key brings along: leaves `start` to `end` - 1 of its root tree. */
export interface OneTimeRange {
  /** Device UUID of the key. */
  readonly uuid: Uint8Array;
  /** I of the root tree, 16 bytes: never accepted a second time. */
  readonly identifier: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Everything before this position is used up. */
export interface OneTimePosition {
  /** Leaf of the root tree that is in use. */
  readonly leaf: number;
  /** Signatures made under this leaf; always 0 if the root tree signs the messages. */
  readonly below: number;
  /** One past the last leaf that belongs to the key. */
  readonly end: number;
  /** Digest of the trees that led to the last signature: built again, they must be the same. `undefined` at the beginning. */
  readonly above: Uint8Array | undefined;
}
