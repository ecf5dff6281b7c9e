/** What an X.509 certificate (RFC 5280 section 4.1) tells of the attributes of its object. */

import { CkrError } from '#src/wire/status.ts';
import { CKA, CKR } from './constants.ts';
import { children, contentOf, TAG } from './der.ts';

/** [0] EXPLICIT version. */
const VERSION = 0xa0;

/**
 * Subject, issuer, serial number and public key in DER.
 * @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID if it is no certificate
 */
export function certificateFacts(certificate: Uint8Array): Map<number, Uint8Array> {
  const [tbsCertificate] = children(contentOf(certificate, TAG.SEQUENCE));
  const fields = children(contentOf(tbsCertificate, TAG.SEQUENCE));
  if (fields[0]?.[0] === VERSION) fields.shift();
  const [serialNumber, , issuer, validity, subject, publicKey] = fields;
  if (serialNumber?.[0] !== TAG.INTEGER || !issuer || !validity || !subject || !publicKey) {
    throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'not a certificate');
  }
  for (const part of [issuer, validity, subject, publicKey]) contentOf(part, TAG.SEQUENCE);
  return new Map([
    [CKA.SUBJECT, subject.slice()],
    [CKA.ISSUER, issuer.slice()],
    [CKA.SERIAL_NUMBER, serialNumber.slice()],
    [CKA.PUBLIC_KEY_INFO, publicKey.slice()],
  ]);
}
