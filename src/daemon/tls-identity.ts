/** The appliance's TLS key and certificate: made once, the same ever after, so that clients can pin them. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '#src/config/atomic-write.ts';
import { ConfigError, systemErrorCode, systemErrorText } from '#src/config/errors.ts';
import { createServerCertificate, spkiFingerprint } from '#src/crypto/certificate.ts';
import { ipv4Addresses } from './network-identity.ts';

export interface TlsIdentity {
  readonly keyPem: string;
  readonly certPem: string;
  /** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hexadecimal digits. */
  readonly fingerprint: string;
}

const COMMON_NAME = 'dks-hsm';
/** Nobody renews it: pinned clients would have to be changed. 30 years. */
const DAYS = 10_957;
/** Clocks of clients may be behind. */
const DAY_MS = 86_400_000;

/** @throws ConfigError that says which file is unusable */
export async function openTlsIdentity(stateFolder: string): Promise<TlsIdentity> {
  const keyFile = join(stateFolder, 'tls', 'key.pem');
  const certFile = join(stateFolder, 'tls', 'cert.pem');
  const keyPem = await read(keyFile);
  const certPem = await read(certFile);
  if (keyPem !== undefined && certPem !== undefined) {
    check(keyFile, certFile, keyPem, certPem);
    return { keyPem, certPem, fingerprint: spkiFingerprint(certPem) };
  }
  // A certificate without its key is useless; a key without certificate keeps its fingerprint.
  if (keyPem !== undefined) checkKey(keyFile, keyPem);
  const created = createServerCertificate({
    commonName: COMMON_NAME,
    addresses: [...ipv4Addresses(), '127.0.0.1'],
    notBefore: new Date(Date.now() - DAY_MS),
    days: DAYS,
    ...(keyPem === undefined ? {} : { keyPem }),
  });
  await writeFileAtomically(keyFile, created.keyPem, 0o600);
  await writeFileAtomically(certFile, created.certPem, 0o644);
  return created;
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new ConfigError(path, `cannot be read: ${systemErrorText(error)}`, { cause: error });
  }
}

function check(keyFile: string, certFile: string, keyPem: string, certPem: string): void {
  const key = checkKey(keyFile, keyPem);
  let certificate;
  try {
    certificate = new X509Certificate(certPem);
  } catch (error) {
    throw new ConfigError(
      certFile,
      'is not a certificate: restore it, or delete it to get a new one for the same key',
      {
        cause: error,
      },
    );
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new ConfigError(certFile, `does not belong to the key ${keyFile}: restore both, or delete the certificate`);
  }
}

function checkKey(path: string, pem: string) {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new ConfigError(
      path,
      'is not a private key: restore it, or delete it and the certificate (clients must then pin the new fingerprint)',
      { cause: error },
    );
  }
}
