/** HASH_...: digests and HMACs on the device. */

import { HalError } from '#src/wire/status.ts';
import { digestOf, type RunningDigest, startDigest } from '../digests.ts';
import { type Device } from '../device.ts';
import { type Handlers, SizeReply } from '../handler.ts';
import { checkReplySize, opaqueSize } from './reply-size.ts';

export const hashing: Handlers<
  | 'HASH_GET_DIGEST_LEN'
  | 'HASH_GET_DIGEST_ALGORITHM_ID'
  | 'HASH_GET_ALGORITHM'
  | 'HASH_INITIALIZE'
  | 'HASH_UPDATE'
  | 'HASH_FINALIZE'
> = {
  HASH_GET_DIGEST_LEN: (_device, _connection, { alg }) => ({ length: digestOf(alg).length }),

  HASH_GET_DIGEST_ALGORITHM_ID(_device, _connection, { alg, lenMax }) {
    checkReplySize(opaqueSize(lenMax));
    const { algorithmId } = digestOf(alg);
    if (lenMax === 0) return new SizeReply({ length: algorithmId.length });
    if (algorithmId.length > lenMax) throw new HalError('RESULT_TOO_LONG');
    return { id: algorithmId };
  },

  HASH_GET_ALGORITHM: (device, connection, { hash }) => ({ alg: running(device, connection, hash).algorithm }),

  HASH_INITIALIZE(device, connection, { alg, key }) {
    digestOf(alg);
    device.digests.checkRoom(connection);
    return { hash: device.digests.open(connection, startDigest(alg, key), key.length > 0) };
  },

  HASH_UPDATE(device, connection, { hash, data }) {
    running(device, connection, hash).state.update(data);
    return {};
  },

  HASH_FINALIZE(device, connection, { hash, length }) {
    checkReplySize(opaqueSize(length));
    const { digest } = running(device, connection, hash);
    if (length === 0) throw new HalError('BAD_ARGUMENTS');
    const value = finishDigest(device, connection, hash).value;
    if (length < digest.length) throw new HalError('BAD_ARGUMENTS');
    // libhal returns as many bytes as were asked for.
    const padded = new Uint8Array(length);
    padded.set(value);
    return { digest: padded };
  },
};

/** Ends a running digest and frees its handle. HalError BAD_ARGUMENTS for an unknown handle. */
export function finishDigest(
  device: Device,
  connection: number,
  hash: number,
): { value: Buffer; algorithmId: Uint8Array } {
  const { digest, state } = running(device, connection, hash);
  device.digests.close(connection, hash);
  return { value: state.digest(), algorithmId: digest.algorithmId };
}

function running(device: Device, connection: number, hash: number): RunningDigest {
  const digest = device.digests.get(connection, hash);
  if (digest === undefined) throw new HalError('BAD_ARGUMENTS', 'unknown digest handle');
  return digest;
}
