/** The serial number of the appliance: made once at its first start, unchangeable afterwards. */

import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from './atomic-write.ts';
import { ConfigError, systemErrorCode, systemErrorText } from './errors.ts';

const PATTERN = /^[A-Za-z0-9.-]{1,63}$/;

/**
 * The first line of `serial-number` in the state folder; a random `NNNN-NNNN` is written there if the file is missing.
 * @throws ConfigError
 */
export async function openSerialNumber(stateFolder: string): Promise<string> {
  const path = join(stateFolder, 'serial-number');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new ConfigError(path, `cannot be read: ${systemErrorText(error)}`, { cause: error });
  });
  if (text === undefined) {
    const serial = `${fourDigits()}-${fourDigits()}`;
    await writeFileAtomically(path, `${serial}\n`, 0o644);
    return serial;
  }
  const serial = text.split(/\r?\n/, 1)[0]?.trim() ?? '';
  if (!PATTERN.test(serial)) {
    throw new ConfigError(path, 'the first line must be a serial number: 1 to 63 letters, digits, dots or hyphens');
  }
  return serial;
}

function fourDigits(): string {
  return String(randomInt(10_000)).padStart(4, '0');
}
