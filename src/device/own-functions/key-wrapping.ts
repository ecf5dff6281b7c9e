/** KEY_WRAP and KEY_UNWRAP. */

import { CKR } from '#src/cryptoki/constants.ts';
import { checkWrap } from '#src/cryptoki/separation.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { CryptoRefusal } from '#src/crypto/refusal.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { CkrError, HalError, WireError } from '#src/wire/status.ts';
import { type Device } from '../device.ts';
import { isHashsig, type KeyFacts } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { viewOf } from '../key-policy.ts';
import { wrappingMethod } from '../mechanisms/wrapping.ts';
import { type Making, makeOnce, type NewObject, storeSecretKey } from '../new-object.ts';
import { storeParsedKey } from '../new-key-pair.ts';
import { parseKey } from '../key-der.ts';
import { usableKey } from '../usable-keys.ts';

export const keyWrapping: Handlers<'KEY_WRAP' | 'KEY_UNWRAP'> = {
  async KEY_WRAP(device, connection, { wrappingKey: wrappingUuid, mechanism, parameter, key: uuid }) {
    const wrappingKey = await usableKey(device, connection, wrappingUuid, 'any');
    const found = device.keys.find(connection, uuid);
    device.access.checkUse(connection, found);
    if (found.wrapped === undefined || isHashsig(found) || found.type === KeyType.DATA) {
      throw new CkrError(CKR.KEY_NOT_WRAPPABLE, 'nothing to wrap, or not to be wrapped');
    }
    const method = wrappingMethod(mechanism, parameter);
    device.policy.permit(connection, wrappingKey, 'wrap', mechanism);
    checkWrap(viewOf(wrappingKey.key), viewOf(found), mechanism, device.policy.policy, parameter);
    const secret = (await device.keys.unwrap(found)) as Uint8Array;
    try {
      const wrapped = await method.wrap(wrappingKey, secret);
      device.policy.count(wrappingKey, 'wrap');
      return { wrapped };
    } catch (error) {
      // Here the data is the key.
      if (error instanceof CryptoRefusal && error.reason.startsWith('data')) {
        throw new CkrError(CKR.KEY_SIZE_RANGE, 'the wrapping key is too short, or the mechanism has no padding');
      }
      throw error;
    } finally {
      wipe(secret);
    }
  },

  async KEY_UNWRAP(device, connection, args) {
    const { unwrappingKey: uuid, mechanism, parameter, wrapped } = args;
    const created = await makeOnce(device, connection, args, async () => {
      const method = wrappingMethod(mechanism, parameter);
      const key = await usableKey(device, connection, uuid);
      device.policy.permit(connection, key, 'unwrap', mechanism);
      const making: Making = { origin: 'unwrap', mechanism, sources: [viewOf(key.key)] };
      return device.runFor(
        connection,
        async () => {
          await device.masterKey.require();
          const value = await method.unwrap(key, wrapped, args);
          device.policy.count(key, 'unwrap');
          return value;
        },
        (value) => {
          try {
            return args.type === KeyType.SECRET
              ? storeSecretKey(device, connection, args, value, making)
              : storePrivateKey(device, connection, args, value, making);
          } finally {
            wipe(value);
          }
        },
      );
    });
    return { created };
  },
};

/** What came out of the wrapping may be anything: every way of not being a key of this type is one error. */
function storePrivateKey(
  device: Device,
  connection: number,
  object: NewObject,
  pkcs8: Uint8Array,
  making: Making,
): Promise<KeyFacts> {
  const parsed = parsing(pkcs8);
  try {
    if (parsed.pkcs8 === undefined || parsed.type !== object.type) {
      throw new CkrError(CKR.WRAPPED_KEY_INVALID, 'not a private key of this type');
    }
    return storeParsedKey(device, connection, object, parsed, making);
  } finally {
    if (parsed.pkcs8) wipe(parsed.pkcs8);
  }
}

function parsing(pkcs8: Uint8Array): ReturnType<typeof parseKey> {
  try {
    return parseKey(pkcs8);
  } catch (error) {
    if (!(error instanceof HalError || error instanceof WireError)) throw error;
    throw new CkrError(CKR.WRAPPED_KEY_INVALID, 'not a private key');
  }
}
