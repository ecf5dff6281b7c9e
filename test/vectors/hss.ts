/** The signatures of RFC 8554 appendix F. */

import { readFileSync } from 'node:fs';

interface HssVector {
  readonly name: string;
  readonly message: string;
  /** u32str(L) || pub[0], hex. */
  readonly publicKey: string;
  readonly signature: string;
}

export const hssVectors = JSON.parse(
  readFileSync(new URL('hss-rfc8554.json', import.meta.url), 'utf8'),
) as readonly HssVector[];
