/** The keys of HSMs that were met before: one line `address port fingerprint` for each, beside hsm.conf. */

import { appendFile, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError, systemErrorCode, systemErrorText } from '#src/config/errors.ts';
import type { HsmEndpoint } from '#src/config/hsm-conf.ts';

export interface KnownHsms {
  readonly path: string;
  /** The fingerprint that was seen first, `undefined` for an HSM that was never met. */
  readonly fingerprint: string | undefined;
  /** An editor left the last line without its end. */
  readonly isLineOpen: boolean;
}

/** @throws ConfigError if the file exists but cannot be read: then an HSM could pass for unknown */
export async function findKnownHsm(hsmConf: string, endpoint: HsmEndpoint): Promise<KnownHsms> {
  const path = join(dirname(hsmConf), 'known_hsms');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw new ConfigError(path, `cannot be read: ${systemErrorText(error)}`, { cause: error });
  });
  const entry = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([address, port]) => address === endpoint.ip && port === String(endpoint.port));
  const isLineOpen = text !== '' && !text.endsWith('\n');
  if (entry === undefined) return { path, fingerprint: undefined, isLineOpen };
  const fingerprint = entry[2]?.toLowerCase() ?? '';
  // A line that was cut short must not make a known HSM an unknown one, which would be trusted again.
  if (entry.length !== 3 || !/^[0-9a-f]{64}$/.test(fingerprint)) {
    throw new ConfigError(path, `the line of ${endpoint.ip} ${endpoint.port} is damaged: correct or delete it`);
  }
  return { path, fingerprint, isLineOpen };
}

/** @throws ConfigError */
export async function rememberHsm(
  { path, isLineOpen }: KnownHsms,
  endpoint: HsmEndpoint,
  fingerprint: string,
): Promise<void> {
  const line = `${isLineOpen ? '\n' : ''}${endpoint.ip} ${endpoint.port} ${fingerprint}\n`;
  await appendFile(path, line, { mode: 0o644 }).catch((error: unknown) => {
    throw new ConfigError(path, `cannot be written: ${systemErrorText(error)}`, { cause: error });
  });
}
