/** KEY_CREATE, KEY_DERIVE, KEY_ENCAPSULATE, KEY_DECAPSULATE: how secret keys come to be in the device. */

import { CKF_MECHANISM, CKR } from '#src/cryptoki/constants.ts';
import { SECRET_BYTES, mechanismOf } from '#src/cryptoki/mechanisms.ts';
import { decapsulate, encapsulate } from '#src/crypto/ml-kem.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { CkrError, HalError } from '#src/wire/status.ts';
import { type Device } from '../device.ts';
import { type KeyFacts } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { viewOf } from '../key-policy.ts';
import { type LoadedKey } from '../loaded-keys.ts';
import { derivation } from '../mechanisms/derivation.ts';
import { generateSecret } from '../mechanisms/secret-generation.ts';
import { makeOnce, type Making, type NewObject, storeSecretKey } from '../new-object.ts';
import { usableKey, usableKeys } from '../usable-keys.ts';

export const secretKeys: Handlers<'KEY_CREATE' | 'KEY_DERIVE' | 'KEY_ENCAPSULATE' | 'KEY_DECAPSULATE'> = {
  async KEY_CREATE(device, connection, args) {
    checkSecret(args);
    const { mechanism, parameter, bits } = args;
    if (bits === 0 || bits % 8 !== 0 || bits > 8 * SECRET_BYTES.max) {
      throw new CkrError(CKR.KEY_SIZE_RANGE, `a secret key of ${bits} bits`);
    }
    const created = await makeOnce(device, connection, args, () =>
      storing(device, connection, args, { origin: 'generate', mechanism, sources: [] }, () =>
        // A password may be hashed millions of times.
        device.generations.run(() => generateSecret(mechanism, parameter, bits / 8)),
      ),
    );
    return { created };
  },

  async KEY_DERIVE(device, connection, args) {
    checkSecret(args);
    const { mechanism, parameter, baseKey: uuid } = args;
    const created = await makeOnce(device, connection, args, async () => {
      const method = derivation(mechanism, parameter);
      const uuids = method.saltKey ? [uuid, method.saltKey] : [uuid];
      const [base, salt] = (await usableKeys(device, connection, uuids)) as [LoadedKey, LoadedKey?];
      device.policy.permit(connection, base, 'derive', mechanism);
      if (salt) device.policy.permit(connection, salt, 'derive', mechanism);
      const sources = [base, ...(salt ? [salt] : [])].map(({ key }) => viewOf(key));
      return storing(device, connection, args, { origin: 'derive', mechanism, parameter, sources }, async () => {
        const value = await method.derive(base, salt, lengthOf(args));
        device.policy.count(base, 'derive');
        if (salt) device.policy.count(salt, 'derive');
        return value;
      });
    });
    return { created };
  },

  async KEY_ENCAPSULATE(device, connection, args) {
    checkSecret(args);
    const { mechanism, publicKey: uuid, name, flags } = args;
    device.access.checkCreate(connection, flags);
    // The ciphertext of the first request is not kept.
    if (device.keys.findByName(connection, name) !== undefined) throw new HalError('KEY_NAME_IN_USE');
    checkKem(mechanism, CKF_MECHANISM.ENCAPSULATE);
    const key = await usableKey(device, connection, uuid, 'any');
    device.policy.permit(connection, key, 'encapsulate', mechanism);
    let ciphertext = new Uint8Array(0);
    const making: Making = { origin: 'encapsulate', mechanism, sources: [viewOf(key.key)] };
    const created = await storing(device, connection, args, making, async () => {
      const made = await encapsulate(key.signingKey);
      ciphertext = made.ciphertext.slice();
      return made.secret;
    });
    return { ciphertext, created };
  },

  async KEY_DECAPSULATE(device, connection, args) {
    checkSecret(args);
    const { mechanism, privateKey: uuid, ciphertext } = args;
    const created = await makeOnce(device, connection, args, async () => {
      checkKem(mechanism, CKF_MECHANISM.DECAPSULATE);
      const key = await usableKey(device, connection, uuid);
      device.policy.permit(connection, key, 'decapsulate', mechanism);
      const making: Making = { origin: 'decapsulate', mechanism, sources: [viewOf(key.key)] };
      return storing(device, connection, args, making, async () => {
        const secret = await decapsulate(key.signingKey, ciphertext);
        device.policy.count(key, 'decapsulate');
        return secret;
      });
    });
    return { created };
  },
};

/** Makes a value and stores it as a secret key, unless the connection logs out meanwhile; the value is wiped. */
function storing(
  device: Device,
  connection: number,
  object: NewObject,
  making: Making,
  make: () => Promise<Uint8Array>,
): Promise<KeyFacts> {
  return device.runFor(
    connection,
    async () => {
      await device.masterKey.require();
      return make();
    },
    (value) => {
      try {
        return storeSecretKey(device, connection, object, value, making);
      } finally {
        wipe(value);
      }
    },
  );
}

function checkSecret({ type }: Pick<NewObject, 'type'>): void {
  if (type !== KeyType.SECRET) throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'not a secret key');
}

/** `undefined`: as long as the mechanism makes it. */
function lengthOf({ bits }: NewObject): number | undefined {
  if (bits % 8 !== 0 || bits > 8 * SECRET_BYTES.max) throw new CkrError(CKR.KEY_SIZE_RANGE, `${bits} bits`);
  return bits === 0 ? undefined : bits / 8;
}

function checkKem(number: number, flag: number): void {
  if (((mechanismOf(number)?.flags ?? 0) & flag) === 0) {
    throw new CkrError(CKR.MECHANISM_INVALID, `mechanism 0x${number.toString(16)}`);
  }
}
