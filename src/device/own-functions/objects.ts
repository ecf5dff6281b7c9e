/** OBJECT_LOAD, KEY_COPY and KEY_VALUE. */

import { CKA, CKO, CKR } from '#src/cryptoki/constants.ts';
import { copyOriginAttributes, ORIGIN_ATTRIBUTES } from '#src/cryptoki/origin.ts';
import { checkCopy } from '#src/cryptoki/change-rules.ts';
import { checkValueRead } from '#src/cryptoki/separation.ts';
import { ulongValue } from '#src/cryptoki/values.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { changeAttributes } from '../attributes.ts';
import { type DeviceKey, factsOf, isHashsig, limitOf, MANAGED } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { viewOf } from '../key-policy.ts';
import { checkPrivate, listOf, type Making, makeOnce, store, storeSecretKey, withoutOrigin } from '../new-object.ts';
import { derivedAttributes } from '../new-key-pair.ts';
import { secretAttributes } from '../secret-attributes.ts';

const NO_BYTES = new Uint8Array(0);
const CREATED: Making = { origin: 'create', mechanism: 0, sources: [] };

export const objects: Handlers<'OBJECT_LOAD' | 'KEY_COPY' | 'KEY_VALUE'> = {
  async OBJECT_LOAD(device, connection, { value, ...object }) {
    const { type } = object;
    if (type !== KeyType.SECRET && type !== KeyType.CERTIFICATE && type !== KeyType.DATA) {
      throw new CkrError(CKR.TEMPLATE_INCONSISTENT, `an object of type ${type}`);
    }
    if (type === KeyType.CERTIFICATE && value.length > 0) {
      throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'a certificate has no secret');
    }
    const loaded = await makeOnce(device, connection, object, () =>
      device.runFor(
        connection,
        () => device.masterKey.require(),
        () => {
          if (type === KeyType.SECRET) return storeSecretKey(device, connection, object, value, CREATED);
          const objectClass = type === KeyType.DATA ? CKO.DATA : CKO.CERTIFICATE;
          const pkcs8 = value.length > 0 ? value : undefined;
          const facts = { type, curve: Curve.NONE, bits: 0, spki: NO_BYTES, pkcs8 };
          const derived = [{ type: CKA.CLASS, value: ulongValue(objectClass) }];
          return store(device, connection, object, facts, derived, CREATED);
        },
      ),
    ).finally(() => wipe(value));
    return { loaded };
  },

  async KEY_COPY(device, connection, { key: uuid, session, name, flags, attributes }) {
    const source = device.keys.find(connection, uuid);
    device.access.checkUse(connection, source);
    if (isHashsig(source) || limitOf(source) !== undefined) {
      throw new CkrError(CKR.ACTION_PROHIBITED, 'two copies would be used up one by one');
    }
    const created = await makeOnce(device, connection, { name, flags, type: source.type }, async () => {
      const inherited = source.attributes.filter(({ type }) => isInherited(source, type));
      const origin = listOf(copyOriginAttributes(viewOf(source)));
      const copy = { ...source, flags: flags | MANAGED, attributes: withoutOrigin(attributes) };
      const derived = source.spki.length > 0 ? derivedAttributes({ ...source, pkcs8: source.wrapped }) : [];
      const complete = changeAttributes(copy.attributes, [...inherited, ...derived, ...origin]);
      const view = viewOf({ ...copy, attributes: complete });
      checkPrivate(copy);
      checkCopy(viewOf(source), view, device.roleOf(connection), device.policy.policy);
      return device.runFor(
        connection,
        () => device.keys.unwrap(source),
        async (pkcs8) => {
          try {
            const { type, curve, bits, spki } = source;
            const made = { name, type, curve, bits, spki, pkcs8, flags: copy.flags, session, attributes: complete };
            const [key] = await device.keys.add(connection, [made]);
            return factsOf(key as DeviceKey);
          } finally {
            if (pkcs8) wipe(pkcs8);
          }
        },
      );
    });
    return { created };
  },

  async KEY_VALUE(device, connection, { key: uuid }) {
    const key = device.keys.find(connection, uuid);
    device.access.checkUse(connection, key);
    if (key.type !== KeyType.DATA) checkValueRead(viewOf(key));
    const secret = await device.keys.unwrap(key);
    if (key.type === KeyType.DATA) {
      const value = secret ?? key.attributes.find(({ type }) => type === CKA.VALUE)?.value ?? NO_BYTES;
      return { attributes: [{ type: CKA.VALUE, value }] };
    }
    if (secret === undefined) throw new CkrError(CKR.ATTRIBUTE_TYPE_INVALID, 'nothing about it is secret');
    try {
      return { attributes: secretAttributes(key.type, secret) };
    } finally {
      wipe(secret);
    }
  },
};

/** What a copy has of its own. */
const NOT_COPIED: ReadonlySet<number> = new Set([CKA.UNIQUE_ID, CKA.DKS_USE_COUNT]);

function isInherited({ type: kind }: DeviceKey, type: number): boolean {
  if (type === CKA.CHECK_VALUE) return kind === KeyType.SECRET;
  return ORIGIN_ATTRIBUTES.has(type) && !NOT_COPIED.has(type);
}
