/** Digests (functions 7 to 12). */

import { Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { digestAlgorithm } from './digests.ts';
import { SizeReply, type VendorHandlers } from './handler.ts';

type Functions =
  | 'HASH_GET_DIGEST_LEN'
  | 'HASH_GET_DIGEST_ALGORITHM_ID'
  | 'HASH_GET_ALGORITHM'
  | 'HASH_INITIALIZE'
  | 'HASH_UPDATE'
  | 'HASH_FINALIZE';

export const hashing: VendorHandlers<Functions> = {
  HASH_GET_DIGEST_LEN: (_session, { alg }) => ({ length: digestAlgorithm(alg).length }),

  HASH_GET_DIGEST_ALGORITHM_ID(_session, { alg, lenMax }) {
    if (lenMax > Limits.random) throw new HalError('RPC_PACKET_OVERFLOW');
    const { id } = digestAlgorithm(alg);
    if (lenMax === 0) return new SizeReply<'HASH_GET_DIGEST_ALGORITHM_ID'>({ length: id.length });
    if (lenMax < id.length) throw new HalError('RESULT_TOO_LONG');
    return { id };
  },

  HASH_GET_ALGORITHM: ({ digests }, { hash }) => ({ alg: digests.algorithm(hash) }),

  HASH_INITIALIZE: ({ digests }, { alg, key }) => ({ hash: digests.start(alg, key) }),

  HASH_UPDATE({ digests }, { hash, data }) {
    digests.update(hash, data);
    return {};
  },

  HASH_FINALIZE({ digests }, { hash, length }) {
    if (length > Limits.random) throw new HalError('RPC_PACKET_OVERFLOW');
    if (length === 0) throw new HalError('BAD_ARGUMENTS', 'no room for the digest');
    const { digest } = digests.finish(hash);
    if (length < digest.length) throw new HalError('BAD_ARGUMENTS', 'no room for the digest');
    // A device fills the rest of the caller's buffer with zeros.
    const padded = new Uint8Array(length);
    padded.set(digest);
    return { digest: padded };
  },
};
