/** KEY_AUTHENTICATE: the PIN for one use of a key with CKA_ALWAYS_AUTHENTICATE. */

import { CKA, CKR } from '#src/cryptoki/constants.ts';
import { isTrue } from '#src/cryptoki/values.ts';
import { CkrError, HalError } from '#src/wire/status.ts';
import { attributeOf, idOf } from '../device-key.ts';
import { type Handlers } from '../handler.ts';

export const keyAuthentication: Handlers<'KEY_AUTHENTICATE'> = {
  KEY_AUTHENTICATE(device, connection, { key: uuid, pin }) {
    const key = device.keys.find(connection, uuid);
    if (!isTrue(attributeOf(key, CKA.ALWAYS_AUTHENTICATE))) {
      throw new CkrError(CKR.OPERATION_NOT_INITIALIZED, 'the key does not ask for it');
    }
    const user = device.logins.userOf(connection);
    return device.runFor(
      connection,
      () => device.pins.check(user, pin),
      () => {
        if (device.logins.userOf(connection) !== user) throw new HalError('FORBIDDEN', 'another login meanwhile');
        device.contextLogins.add(connection, idOf(key.uuid));
        return {};
      },
    );
  },
};
