/** How long each class of request may take on a working device, in milliseconds. */

/** Signatures, verifications, reading and changing keys. */
export const SHORT = 10_000;
/**
 * PIN checks: the device delays the reply to a wrong PIN, longer each time, and lets the next one wait. Whoever guesses must not
 * make it look stuck; a device that really is says nothing at all and is noticed by that.
 */
export const PIN = Number.POSITIVE_INFINITY;
/** A full page of the key list, or the master key of all keys. */
export const LONG = 60_000;

/** Generation: an RSA-8192 key may take ten minutes, and the work grows with about the square of the length at least. */
export function generationLimit(bits: number): number {
  return Math.max(60_000, Math.ceil(600_000 * (bits / 8192) ** 2));
}
