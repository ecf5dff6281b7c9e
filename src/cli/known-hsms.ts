/** The keys of HSMs that were met before: one line `address port fingerprint` for each, beside hsm.conf. */

import { appendFile, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError, systemErrorCode, systemErrorText } from '#src/config/errors.ts';
import type { HsmEndpoint } from '#src/config/hsm-conf.ts';

export interface KnownHsms {
  readonly path: string;
  /** The fingerprint that was seen first, `undefined` for an HSM that was never met. */
  readonly fingerprint: string | undefined;
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
  return { path, fingerprint: entry?.[2] };
}

/** @throws ConfigError */
export async function rememberHsm(path: string, endpoint: HsmEndpoint, fingerprint: string): Promise<void> {
  await appendFile(path, `${endpoint.ip} ${endpoint.port} ${fingerprint}\n`, { mode: 0o644 }).catch(
    (error: unknown) => {
      throw new ConfigError(path, `cannot be written: ${systemErrorText(error)}`, { cause: error });
    },
  );
}
