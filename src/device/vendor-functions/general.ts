/** GET_VERSION, GET_RANDOM, CHECK_TAMPER. */

import { randomBytes } from 'node:crypto';
import { Limits, PROTOCOL_VERSION } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Handlers } from '../handler.ts';

export const general: Handlers<'GET_VERSION' | 'GET_RANDOM' | 'CHECK_TAMPER'> = {
  GET_VERSION: () => ({ version: PROTOCOL_VERSION }),

  GET_RANDOM(_device, _connection, { length }) {
    if (length > Limits.random) throw new HalError('RPC_PACKET_OVERFLOW');
    return { data: randomBytes(length) };
  },

  /** A device in software has no tamper circuit that could report anything. */
  CHECK_TAMPER: () => ({}),
};
