/** What programs on this machine need to find the HSM: hsm.conf for the library and the console, `env` for shells (`. env`) and systemd. */

import { join } from 'node:path';

import { writeFileAtomically } from '#src/config/atomic-write.ts';
import { ConfigError } from '#src/config/errors.ts';
import { type HsmEndpoint, hsmConfPath, writeHsmConf } from '#src/config/hsm-conf.ts';

import { type Running } from './daemon.ts';
import { type Folder } from './folder.ts';
import { HOST } from './ports.ts';

/** The PKCS#11 library that the build makes. */
export const MODULE = join(import.meta.dirname, '..', '..', 'build', 'pkcs11', 'libcryptechdks-pkcs11.so');

/** The server name of the vendor's hsm.conf. */
const SERVER_NAME = 'dks-hsm';

export async function writeClientConfiguration(folder: Folder, running: Running): Promise<void> {
  const { serial, fingerprint, rpcPort, consolePort } = running;
  const endpoint = (port: number): HsmEndpoint => ({ ip: HOST, port, servername: SERVER_NAME, serial, fingerprint });
  await writeHsmConf(hsmConfPath(folder.path), { cty: endpoint(consolePort), rpc: endpoint(rpcPort) });
}

export function environmentOf(folder: Folder, running: Running, signedZone: string): Record<string, string> {
  return {
    DIAMOND_HSM_CONFIG_PATH: folder.path,
    PKCS11_MODULE: MODULE,
    DKS_RPC_PORT: String(running.rpcPort),
    DKS_CONSOLE_PORT: String(running.consolePort),
    DKS_WEB_PORT: String(running.webPort),
    DKS_USER_PIN_FILE: folder.userPin,
    DKS_WHEEL_PIN_FILE: folder.wheelPin,
    DKS_SIGNED_ZONE: signedZone,
  };
}

export async function writeEnvFile(folder: Folder, environment: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${quote(folder, value)}`);
  const text = [
    '# Diamond-HSM quickstart. The PIN files hold demo PINs: they protect nothing of value.',
    ...lines,
    // systemd ignores a line without "=", a shell passes the variables on to programs.
    `export ${Object.keys(environment).join(' ')}`,
    '',
  ].join('\n');
  await writeFileAtomically(folder.env, text, 0o644);
}

/** Single quotes mean the same to a shell and to systemd. */
function quote(folder: Folder, value: string): string {
  if (/^[\w./:@%+,-]+$/.test(value)) return value;
  if (/['\\\n]/.test(value)) throw new ConfigError(folder.path, 'a path without quotes and backslashes is needed');
  return `'${value}'`;
}
