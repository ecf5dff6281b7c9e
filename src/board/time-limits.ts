/** How long each class of request may take on a board, in milliseconds. Its cores are slower than a server's. */

/** Everything that needs no long calculation. */
export const SHORT = 10_000;
/** A signature; the board may be busy with those of others. */
export const SIGNATURE = 60_000;
/** PIN checks: a wrong PIN is answered after five seconds or longer. */
export const PIN = 120_000;

/** An RSA key takes seconds to many minutes, growing steeply with its length; elliptic curves far less. */
export function generationLimit(bits: number): number {
  return Math.max(60_000, Math.ceil(1_200_000 * (bits / 8192) ** 2));
}
