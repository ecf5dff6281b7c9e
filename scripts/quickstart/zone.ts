/** The demonstration itself: keys in the HSM, a zone signed with them, two programs of others that accept it. */

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { type Algorithm, ALGORITHMS } from './options.ts';
import { type Folder, writeSecret } from './folder.ts';
import { mustRun } from './run-program.ts';

export const ZONE = 'example.net';
const TOKEN = 'token=Cryptech%20Token';

/** Programs that {@link createKeys}, {@link signZone} and {@link verifyZone} need. */
export function programsFor(algorithm: Algorithm): string[] {
  const signer = algorithm === 'ED25519' ? 'kzonesign' : 'ldns-signzone';
  return ['pkcs11-tool', signer, 'ldns-verify-zone', 'dnssec-verify'];
}

/** Variables by which programs find the library and the library finds the HSM. */
export interface Pkcs11Environment {
  readonly module: string;
  readonly variables: Readonly<Record<string, string>>;
}

export interface Key {
  readonly label: string;
  readonly id: string;
  readonly created: boolean;
}

/** KSK and ZSK by pkcs11-tool. Knot makes its Ed25519 keys itself. */
export async function createKeys(folder: Folder, pkcs11: Pkcs11Environment, algorithm: Algorithm): Promise<Key[]> {
  const { ksk, zsk } = ALGORITHMS[algorithm];
  if (ksk === undefined) return [];
  const env = { ...pkcs11.variables, DKS_DEMO_PIN: readFileSync(folder.userPin, 'utf8') };
  // "env:" keeps the PIN out of the process list.
  const login = ['--module', pkcs11.module, '--login', '--pin', 'env:DKS_DEMO_PIN'];
  const listed = await mustRun('pkcs11-tool', [...login, '--list-objects', '--type', 'privkey'], { env });
  const keys: Key[] = [];
  for (const [role, type] of [
    ['ksk', ksk],
    ['zsk', zsk],
  ] as const) {
    const label = `${role}-${algorithm.toLowerCase()}`;
    const id = createHash('sha1').update(label).digest('hex');
    const created = !listed.includes(id);
    if (created) {
      const generate = ['--keypairgen', '--key-type', type, '--label', label, '--id', id, '--usage-sign'];
      await mustRun('pkcs11-tool', [...login, ...generate], { env });
    }
    keys.push({ label, id, created });
  }
  return keys;
}

/** Signs the zone with what a DNS operator would use; returns the signed file. */
export async function signZone(
  folder: Folder,
  pkcs11: Pkcs11Environment,
  algorithm: Algorithm,
  keys: readonly Key[],
): Promise<string> {
  const signed = join(folder.zone, `${ZONE}.signed`);
  copyFileSync(join(import.meta.dirname, ZONE), join(folder.zone, ZONE));
  const result =
    algorithm === 'ED25519'
      ? await signByKnot(folder, pkcs11)
      : await signByLdns(folder, pkcs11, ALGORITHMS[algorithm].number, keys);
  renameSync(result, signed);
  return signed;
}

/** ldns-signzone reaches the keys through OpenSSL's engine for PKCS#11. */
async function signByLdns(
  folder: Folder,
  pkcs11: Pkcs11Environment,
  algorithm: number,
  keys: readonly Key[],
): Promise<string> {
  const output = join(folder.zone, 'signed-by-ldns');
  const pin = `pin-source=file:${encodeURI(folder.userPin)}`;
  const [ksk = '', zsk = ''] = keys.map(
    ({ label }) => `${algorithm},pkcs11:${TOKEN};object=${label};type=private?${pin}`,
  );
  const env = {
    ...pkcs11.variables,
    PKCS11_MODULE_PATH: pkcs11.module,
    // libp11 gives up on a token with a key of a type it does not know.
    DKS_PKCS11_HIDE_KEY_TYPES: 'EC_EDWARDS',
  };
  const files = ['-o', ZONE, '-f', output, join(folder.zone, ZONE)];
  await mustRun('ldns-signzone', ['-E', 'pkcs11', '-K', ksk, '-k', zsk, ...files], { env });
  return output;
}

/** OpenSSL's engine knows no Ed25519; Knot's signer does, through GnuTLS. It keeps its view of the keys in a folder of its own. */
async function signByKnot(folder: Folder, pkcs11: Pkcs11Environment): Promise<string> {
  const database = join(folder.zone, 'knot');
  const output = join(database, 'signed');
  mkdirSync(output, { recursive: true });
  const configuration = join(database, 'knot.conf');
  // The PIN stands in the configuration because Knot asks for it nowhere else.
  const uri = `pkcs11:${TOKEN};pin-value=${readFileSync(folder.userPin, 'utf8')}`;
  await writeSecret(
    configuration,
    `server:
    rundir: "${database}"
database:
    storage: "${database}"
keystore:
  - id: hsm
    backend: pkcs11
    config: "${uri} ${pkcs11.module}"
policy:
  - id: ed25519
    keystore: hsm
    algorithm: ED25519
zone:
  - domain: ${ZONE}
    storage: "${folder.zone}"
    file: ${ZONE}
    dnssec-signing: on
    dnssec-policy: ed25519
`,
  );
  await mustRun('kzonesign', ['-c', configuration, '-o', output, ZONE], { env: pkcs11.variables });
  return join(output, ZONE);
}

/** @returns the names of the programs that accepted the zone */
export async function verifyZone(signed: string): Promise<string[]> {
  await mustRun('ldns-verify-zone', [signed]);
  await mustRun('dnssec-verify', ['-o', ZONE, signed]);
  return ['ldns-verify-zone', 'dnssec-verify'];
}

/** How many signatures a signed zone has. */
export function countSignatures(signed: string): number {
  return readFileSync(signed, 'utf8')
    .split('\n')
    .filter((line) => /\sRRSIG\s/.test(line) && !line.startsWith(';')).length;
}
