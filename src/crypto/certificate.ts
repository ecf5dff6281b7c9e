/** The server's own certificate (RFC 5280): self-signed RSA-2048 with SHA-256, which also the oldest clients accept. */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';

import { Bug } from '#src/wire/status.ts';

import { contextTag, DerWriter, Tag } from './der.ts';

interface CertificateRequest {
  readonly commonName: string;
  /** IP addresses for the subject alternative names; the common name is always among them. */
  readonly addresses: readonly string[];
  readonly notBefore: Date;
  readonly days: number;
  /** Key to renew with, so that clients which pin it notice nothing; a new one else. */
  readonly keyPem?: string;
}

interface ServerCertificate {
  /** PKCS#8. Secret. */
  readonly keyPem: string;
  readonly certPem: string;
  /** See {@link spkiFingerprint}. */
  readonly fingerprint: string;
}

const KEY_BITS = 2048;
const ORGANIZATION = 'Diamond-HSM';
const DAY = 86_400_000;

/** Object identifiers as hex of their DER content. */
const Oid = {
  sha256WithRSAEncryption: '2a864886f70d01010b',
  commonName: '550403',
  organizationName: '55040a',
  subjectKeyIdentifier: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  extKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
} as const;

/** digitalSignature and keyEncipherment (bits 0 and 2), five unused bits (RFC 5280 section 4.2.1.3). */
const KEY_USAGE = Buffer.of(Tag.BIT_STRING, 2, 5, 0xa0);

const TRUE = Buffer.of(Tag.BOOLEAN, 1, 0xff);

/** Makes a certificate; blocks while a new key is generated. */
export function createServerCertificate(request: CertificateRequest): ServerCertificate {
  const key =
    request.keyPem === undefined
      ? generateKeyPairSync('rsa', { modulusLength: KEY_BITS }).privateKey
      : createPrivateKey(request.keyPem);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const algorithm = DerWriter.sequence(DerWriter.oid(Oid.sha256WithRSAEncryption), DerWriter.null());
  const { commonName, notBefore, days } = request;
  const name = distinguishedName(commonName);
  const body = DerWriter.sequence(
    DerWriter.element(contextTag(0, true), DerWriter.unsigned(Uint8Array.of(2))),
    DerWriter.unsigned(serialNumber()),
    algorithm,
    name,
    DerWriter.sequence(time(notBefore), time(new Date(notBefore.getTime() + days * DAY))),
    name,
    spki,
    DerWriter.element(contextTag(3, true), DerWriter.sequence(...extensions(request, spki))),
  );
  const certificate = DerWriter.sequence(body, algorithm, DerWriter.bitString(sign('sha256', body, key)));
  return {
    keyPem: key.export({ format: 'pem', type: 'pkcs8' }),
    certPem: new X509Certificate(certificate).toString(),
    fingerprint: hash(spki),
  };
}

/**
 * What clients pin: SHA-256 of the SubjectPublicKeyInfo as 64 lower-case hex digits. It survives a renewal with the same key.
 * @param certificate PEM or DER
 */
export function spkiFingerprint(certificate: string | Uint8Array): string {
  const { publicKey } = new X509Certificate(certificate);
  return hash(publicKey.export({ format: 'der', type: 'spki' }));
}

function hash(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex');
}

/** 16 random bytes; the second highest bit keeps the number positive and its length fixed (RFC 5280 section 4.1.2.2). */
function serialNumber(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  return serial;
}

function distinguishedName(commonName: string): Uint8Array {
  const attribute = (oid: string, value: string): Uint8Array =>
    DerWriter.element(
      Tag.SET,
      DerWriter.sequence(DerWriter.oid(oid), DerWriter.element(Tag.UTF8_STRING, Buffer.from(value, 'utf8'))),
    );
  return DerWriter.sequence(attribute(Oid.organizationName, ORGANIZATION), attribute(Oid.commonName, commonName));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). */
function time(date: Date): Uint8Array {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  const year = date.getUTCFullYear();
  if (year < 1950 || year > 9999) throw new Bug('date of a certificate');
  return year < 2050
    ? DerWriter.element(Tag.UTC_TIME, Buffer.from(digits.slice(2), 'latin1'))
    : DerWriter.element(Tag.GENERALIZED_TIME, Buffer.from(digits, 'latin1'));
}

function extensions({ commonName, addresses }: CertificateRequest, spki: Uint8Array): Uint8Array[] {
  const extension = (oid: string, value: Uint8Array, critical = false): Uint8Array =>
    DerWriter.sequence(DerWriter.oid(oid), ...(critical ? [TRUE] : []), DerWriter.octetString(value));
  const names = [
    DerWriter.element(contextTag(2, false), Buffer.from(commonName, 'latin1')),
    ...[...new Set(addresses)].map((address) => DerWriter.element(contextTag(7, false), addressBytes(address))),
  ];
  return [
    // Not a CA: whoever trusts this certificate shall not have to trust others that its key could sign.
    extension(Oid.basicConstraints, DerWriter.sequence(), true),
    extension(Oid.keyUsage, KEY_USAGE, true),
    extension(Oid.extKeyUsage, DerWriter.sequence(DerWriter.oid(Oid.serverAuth))),
    extension(Oid.subjectAltName, DerWriter.sequence(...names)),
    // Method of RFC 7093 section 2: leftmost 160 bits of SHA-256, here of the whole SubjectPublicKeyInfo.
    extension(Oid.subjectKeyIdentifier, DerWriter.octetString(Buffer.from(hash(spki), 'hex').subarray(0, 20))),
  ];
}

/** An address in network byte order: 4 or 16 bytes. */
function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const plain = address.replace(/%.*$/, '');
  if (!isIPv6(plain)) throw new Bug('address of a certificate');
  // The URL parser writes every form of an address with hexadecimal groups and at most one "::".
  const [head = '', tail] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const first = groups(head);
  const last = groups(tail ?? '');
  const all = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0'), ...last];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
