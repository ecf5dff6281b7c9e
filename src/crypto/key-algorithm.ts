/** The AlgorithmIdentifier of a key (RFC 5280 section 4.1.1.2). */

import { HalError } from '#src/wire/status.ts';

import { CURVES, type CurveParameters } from './curves.ts';
import { type DerReader, DerWriter, Tag } from './der.ts';
import { POST_QUANTUM, type PostQuantumParameters } from './post-quantum.ts';

export type KeyAlgorithm =
  | { readonly kind: 'rsa' }
  | { readonly kind: 'curve'; readonly curve: CurveParameters }
  | { readonly kind: 'post-quantum'; readonly parameters: PostQuantumParameters };

/** rsaEncryption, RFC 8017 appendix A.1; id-ecPublicKey, RFC 5480 section 2.1.1. */
export const RSA_OID = '2a864886f70d010101';
const EC_OID = '2a8648ce3d0201';

/** Reads the content of an AlgorithmIdentifier of a key. The NULL of RSA may be missing. */
export function readAlgorithm(reader: DerReader): KeyAlgorithm {
  const oid = reader.oid();
  if (oid === RSA_OID) {
    if (reader.next !== undefined && reader.element(Tag.NULL).length > 0) {
      throw new HalError('ASN1_PARSE_FAILED', 'parameters of rsaEncryption');
    }
    reader.end();
    return { kind: 'rsa' };
  }
  if (oid === EC_OID) {
    // Explicit parameters have another tag than a curve's name. Nobody needs them, and they allow forged curves.
    const name = reader.oid();
    reader.end();
    const curve = CURVES.find((parameters) => parameters.form === 'weierstrass' && parameters.oid === name);
    if (!curve) throw new HalError('UNSUPPORTED_KEY', `curve ${name}`);
    return { kind: 'curve', curve };
  }
  const curve = CURVES.find((parameters) => parameters.form !== 'weierstrass' && parameters.oid === oid);
  const parameters = POST_QUANTUM.find((each) => each.oid === oid);
  if (!curve && !parameters) throw new HalError('UNSUPPORTED_KEY', `algorithm ${oid}`);
  reader.end();
  return curve ? { kind: 'curve', curve } : { kind: 'post-quantum', parameters: parameters as PostQuantumParameters };
}

/** An AlgorithmIdentifier of a key. */
export function writeAlgorithm(algorithm: KeyAlgorithm): Uint8Array {
  switch (algorithm.kind) {
    case 'rsa':
      return DerWriter.sequence(DerWriter.oid(RSA_OID), DerWriter.null());
    case 'curve': {
      const { form, oid } = algorithm.curve;
      return form === 'weierstrass'
        ? DerWriter.sequence(DerWriter.oid(EC_OID), DerWriter.oid(oid))
        : DerWriter.sequence(DerWriter.oid(oid));
    }
    case 'post-quantum':
      return DerWriter.sequence(DerWriter.oid(algorithm.parameters.oid));
  }
}
