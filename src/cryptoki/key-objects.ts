/** Which kind of PKCS#11 object a key of the protocol is. */

import { KeyType } from '#src/wire/enumerations.ts';
import { Bug } from '#src/wire/status.ts';
import { type ObjectDescription, objectDescription } from './attributes.ts';
import { CKK, CKO } from './constants.ts';

function description(objectClass: number, keyType: number): ObjectDescription {
  const found = objectDescription(objectClass, keyType);
  if (!found) throw new Bug(`no object of class ${objectClass} and key type ${keyType}`);
  return found;
}

const objects = new Map<number, ObjectDescription>([
  [KeyType.RSA_PRIVATE, description(CKO.PRIVATE_KEY, CKK.RSA)],
  [KeyType.RSA_PUBLIC, description(CKO.PUBLIC_KEY, CKK.RSA)],
  [KeyType.EC_PRIVATE, description(CKO.PRIVATE_KEY, CKK.EC)],
  [KeyType.EC_PUBLIC, description(CKO.PUBLIC_KEY, CKK.EC)],
  [KeyType.ED_PRIVATE, description(CKO.PRIVATE_KEY, CKK.EC_EDWARDS)],
  [KeyType.ED_PUBLIC, description(CKO.PUBLIC_KEY, CKK.EC_EDWARDS)],
]);

/** The object that a key is; `undefined` for keys that PKCS#11 programs do not see (hash-based signatures). */
export function objectOfKeyType(type: number): ObjectDescription | undefined {
  return objects.get(type);
}
