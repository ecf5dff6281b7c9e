/** Files that hold one secret line: PINs and master keys never stand in program arguments, which everybody can read. */

import { readFile, stat } from 'node:fs/promises';
import { ConfigError, systemErrorText } from '#src/config/errors.ts';

const MAX_SECRET = 4096;

/**
 * The first line of the file as bytes; the caller wipes it.
 * @param warn told if other users can read the file
 * @throws ConfigError
 */
export async function readSecretLine(path: string, warn: (text: string) => void): Promise<Uint8Array> {
  const content = await readFile(path).catch((error: unknown) => {
    throw new ConfigError(path, `cannot be read: ${systemErrorText(error)}: check the path and who may read it`, {
      cause: error,
    });
  });
  try {
    const end = content.findIndex((byte) => byte === 0x0a || byte === 0x0d);
    const line = Uint8Array.from(content.subarray(0, end === -1 ? content.length : end));
    if (line.length === 0) throw new ConfigError(path, 'the first line is empty');
    if (line.length > MAX_SECRET || line.some((byte) => byte < 0x20 || byte === 0x7f)) {
      throw new ConfigError(path, `the first line must be plain text of at most ${MAX_SECRET} bytes`);
    }
    const facts = await stat(path).catch(() => undefined);
    if (facts?.isFile() && (facts.mode & 0o077) !== 0) warn(`${path} can be read by other users: run chmod 600`);
    return line;
  } finally {
    content.fill(0);
  }
}
