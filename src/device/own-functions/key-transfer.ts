/** KEY_INVITE, KEY_SEND and KEY_RECEIVE: keys that have to work together come to one device. */

import { CKR } from '#src/cryptoki/constants.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { ALL_KEY_FLAGS } from '#src/wire/enumerations.ts';
import { CkrError, HalError } from '#src/wire/status.ts';
import { type DeviceKey, factsOf, isHashsig, limitOf } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { openKey, sealKey } from '../key-sealing.ts';

export const keyTransfer: Handlers<'KEY_INVITE' | 'KEY_SEND' | 'KEY_RECEIVE'> = {
  KEY_INVITE: (device, connection) => ({ invitation: device.invitations.issue(connection) }),

  async KEY_SEND(device, connection, { key: uuid, invitation }) {
    device.access.checkUse(connection, device.keys.find(connection, uuid));
    const transferKey = await device.masterKey.transferKey();
    try {
      await device.masterKey.require();
      const key = device.keys.find(connection, uuid);
      if (isHashsig(key) || limitOf(key) !== undefined) {
        throw new CkrError(CKR.KEY_UNEXTRACTABLE, 'two copies would be used up one by one');
      }
      const pkcs8 = await device.keys.unwrap(key);
      try {
        return { sealed: sealKey(transferKey, { ...key, invitation, pkcs8 }) };
      } finally {
        if (pkcs8) wipe(pkcs8);
      }
    } finally {
      wipe(transferKey);
    }
  },

  async KEY_RECEIVE(device, connection, { session, sealed }) {
    const transferKey = await device.masterKey.transferKey();
    const opened = (() => {
      try {
        return openKey(transferKey, sealed);
      } finally {
        wipe(transferKey);
      }
    })();
    const { invitation, owner, pkcs8, ...key } = opened;
    try {
      device.access.checkCreate(connection, key.flags & ALL_KEY_FLAGS);
      if (owner !== undefined && owner !== connection) throw new HalError('FORBIDDEN', 'a session key of another');
      const received = await device.runFor(
        connection,
        () => device.masterKey.require(),
        async () => {
          // A copy that came before, or a moment ago.
          const existing = device.keys.findByName(connection, key.name);
          if (existing !== undefined) {
            if (existing.type !== key.type) throw new HalError('KEY_NAME_IN_USE');
            return factsOf(existing);
          }
          device.invitations.take(connection, invitation);
          const [added] = await device.keys.add(connection, [{ ...key, pkcs8, session }]);
          return factsOf(added as DeviceKey);
        },
      );
      return { received };
    } finally {
      if (pkcs8) wipe(pkcs8);
    }
  },
};
