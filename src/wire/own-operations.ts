/**
 * Our own functions. 0x1000 to 0x10FF: client to appliance, PKCS#11 objects and operations.
 * 0x1100 to 0x11FF: appliance to device. 0x1200 to 0x12FF: device to master key holder.
 *
 * In all of them the client word of the message is the request number, and replies come back as they finish.
 * On a device link our functions name the connection they act for in their first argument; vendor functions there keep the
 * connection in the client word, so request numbers of our functions have bit 31 set.
 */

import { Limits } from './enumerations.ts';
import { operation } from './operation.ts';
import { creation, keyBytes, objectFacts, parameter, pin, signature, template } from './own-fields.ts';
import { array, opaque, struct, text, u32, uuid } from './schema.ts';

const { page, signInput } = Limits;

export const clientOperations = {
  HELLO: operation({
    code: 0x1000,
    leg: 'client',
    args: { version: u32, application: uuid, name: text(128) },
    results: { version: u32, serial: text(64), requestLimit: u32, resumed: u32 },
    route: 'appliance',
    always: true,
    summary:
      'Opens a multiplexed connection. `application` is a random name by which session objects are found again after a lost connection.',
  }),
  TOKEN_INFO: operation({
    code: 0x1001,
    leg: 'client',
    args: {},
    results: {
      label: text(32),
      manufacturer: text(32),
      model: text(16),
      serial: text(16),
      flags: u32,
      pinMin: u32,
      pinMax: u32,
      hardwareVersion: u32,
      firmwareVersion: u32,
      state: u32,
    },
    route: 'appliance',
    always: true,
    summary: 'CK_TOKEN_INFO and the state of the appliance; versions are major x 256 + minor.',
  }),
  MECHANISM_LIST: operation({
    code: 0x1002,
    leg: 'client',
    args: {},
    results: {
      mechanisms: array(struct({ mechanism: u32, minKeySize: u32, maxKeySize: u32, flags: u32 }), 512),
    },
    route: 'appliance',
    always: true,
    summary: 'All mechanisms with their CK_MECHANISM_INFO.',
  }),
  SESSION_CLOSE: operation({
    code: 0x1003,
    leg: 'client',
    args: { session: u32 },
    results: {},
    route: 'appliance',
    summary: 'Destroys the session objects of one PKCS#11 session, or of all (0).',
  }),
  OBJECT_FIND: operation({
    code: 0x1010,
    leg: 'client',
    args: { template, after: uuid, limit: u32 },
    results: { more: u32, objects: array(objectFacts, page) },
    route: 'appliance',
    summary: 'Objects that match a template, in ascending UUID order behind `after`, at most `limit`.',
  }),
  OBJECT_GET: operation({
    code: 0x1011,
    leg: 'client',
    args: { object: uuid },
    results: { attributes: template },
    route: 'appliance',
    summary: 'All readable attributes of one object.',
  }),
  OBJECT_SET: operation({
    code: 0x1012,
    leg: 'client',
    args: { object: uuid, template },
    results: { attributes: template },
    route: 'appliance',
    mutates: true,
    summary: 'Changes attributes; the reply has all readable attributes after the change.',
  }),
  OBJECT_CREATE: operation({
    code: 0x1013,
    leg: 'client',
    args: { session: u32, request: uuid, template },
    results: { created: objectFacts },
    route: 'appliance',
    mutates: true,
    summary: 'Creates an object from a template. The same `request` twice gives the same object.',
  }),
  OBJECT_COPY: operation({
    code: 0x1015,
    leg: 'client',
    args: { ...creation, object: uuid, template },
    results: { created: objectFacts },
    route: 'key',
    mutates: true,
    summary: 'Copies an object with the changes of a template. The same `request` twice gives the same copy.',
  }),
  OBJECT_VALUE: operation({
    code: 0x1016,
    leg: 'client',
    args: { object: uuid },
    results: { attributes: template },
    route: 'key',
    summary:
      'The secret attributes of a key that is extractable and not sensitive, or the value of a private data object; CKR_ATTRIBUTE_SENSITIVE for any other.',
  }),
  OBJECT_DESTROY: operation({
    code: 0x1014,
    leg: 'client',
    args: { object: uuid },
    results: {},
    route: 'appliance',
    mutates: true,
    summary: 'Destroys an object.',
  }),
  KEY_PAIR_GENERATE: operation({
    code: 0x1020,
    leg: 'client',
    args: {
      session: u32,
      request: uuid,
      mechanism: u32,
      parameter,
      publicTemplate: template,
      privateTemplate: template,
    },
    results: { publicKey: objectFacts, privateKey: objectFacts },
    route: 'create',
    mutates: true,
    summary:
      'Generates a key pair; both halves are on disk before the reply. The same `request` twice gives the same pair.',
  }),
  SECRET_KEY_GENERATE: operation({
    code: 0x1021,
    leg: 'client',
    args: { ...creation, mechanism: u32, parameter, template },
    results: { created: objectFacts },
    route: 'create',
    mutates: true,
    summary: 'Generates a secret key. The same `request` twice gives the same key.',
  }),
  WRAP: operation({
    code: 0x1022,
    leg: 'client',
    args: { wrappingKey: uuid, mechanism: u32, parameter, key: uuid },
    results: { wrapped: keyBytes },
    route: 'key',
    summary: 'Wraps a key under another one.',
  }),
  UNWRAP: operation({
    code: 0x1023,
    leg: 'client',
    args: { ...creation, unwrappingKey: uuid, mechanism: u32, parameter, wrapped: keyBytes, template },
    results: { created: objectFacts },
    route: 'key',
    mutates: true,
    summary: 'Unwraps a key. The same `request` twice gives the same key.',
  }),
  DERIVE: operation({
    code: 0x1024,
    leg: 'client',
    args: { ...creation, baseKey: uuid, mechanism: u32, parameter, template },
    results: { created: objectFacts },
    route: 'key',
    mutates: true,
    summary: 'Derives a key from another one. The same `request` twice gives the same key.',
  }),
  ENCAPSULATE: operation({
    code: 0x1025,
    leg: 'client',
    args: { ...creation, publicKey: uuid, mechanism: u32, parameter, template },
    results: { ciphertext: keyBytes, created: objectFacts },
    route: 'key',
    mutates: true,
    summary: 'Makes a secret key and encapsulates it for the owner of a public key.',
  }),
  DECAPSULATE: operation({
    code: 0x1026,
    leg: 'client',
    args: { ...creation, privateKey: uuid, mechanism: u32, parameter, ciphertext: keyBytes, template },
    results: { created: objectFacts },
    route: 'key',
    mutates: true,
    summary: 'Takes the secret key out of a ciphertext. The same `request` twice gives the same key.',
  }),
  SIGN: operation({
    code: 0x1030,
    leg: 'client',
    args: { object: uuid, mechanism: u32, parameter, data: opaque(signInput) },
    results: { signature },
    route: 'key',
    summary:
      'Signs or makes a MAC. Of mechanisms that hash first, such as CKM_SHA256_RSA_PKCS, `data` is the hash; of all others the message.',
  }),
  VERIFY: operation({
    code: 0x1031,
    leg: 'client',
    args: { object: uuid, mechanism: u32, parameter, data: opaque(signInput), signature },
    results: {},
    route: 'key',
    summary: 'Verifies; `data` is as for SIGN.',
  }),
  ENCRYPT: operation({
    code: 0x1032,
    leg: 'client',
    args: { object: uuid, mechanism: u32, parameter, data: opaque(signInput) },
    results: { result: opaque(Limits.ownMessage) },
    route: 'key',
    summary: 'Encrypts at once; what comes in parts is chained by the client.',
  }),
  DECRYPT: operation({
    code: 0x1033,
    leg: 'client',
    args: { object: uuid, mechanism: u32, parameter, data: opaque(Limits.ownMessage) },
    results: { result: opaque(Limits.ownMessage) },
    route: 'key',
    summary: 'Decrypts at once.',
  }),
  CONTEXT_LOGIN: operation({
    code: 0x1040,
    leg: 'client',
    args: { object: uuid, pin },
    results: {},
    route: 'key',
    summary: 'The PIN for one operation with a key that has CKA_ALWAYS_AUTHENTICATE.',
  }),
  PIN_CHANGE: operation({
    code: 0x1041,
    leg: 'client',
    args: { oldPin: pin, newPin: pin },
    results: {},
    route: 'all',
    mutates: true,
    summary: 'C_SetPIN: changes the PIN of the role that is logged in, or of the user if nobody is.',
  }),
  TOKEN_INITIALIZE: operation({
    code: 0x1042,
    leg: 'client',
    args: { pin, label: text(32) },
    results: {},
    route: 'all',
    mutates: true,
    summary:
      'C_InitToken with the PIN of the security officer; whether it erases the keys is a setting of the appliance.',
  }),
} as const;

/** The appliance's master key memory: one 32-byte cell per device. Spoken over a Unix socket of mode 0600. */
export const mkmOperations = {
  MKM_READ: operation({
    code: 0x1200,
    leg: 'mkm',
    args: { device: u32 },
    results: { state: u32, key: opaque(32) },
    route: 'device',
    summary: 'State and content of the master key memory of a device (an empty key if not set).',
  }),
  MKM_WRITE: operation({
    code: 0x1201,
    leg: 'mkm',
    args: { device: u32, key: opaque(32) },
    results: {},
    route: 'device',
    mutates: true,
    summary: 'Writes the master key memory of a device; an empty key clears it.',
  }),
  MKM_TRANSFER_KEY: operation({
    code: 0x1203,
    leg: 'mkm',
    args: {},
    results: { key: opaque(32) },
    route: 'device',
    summary: 'The key under which devices of the appliance hand keys to each other; random, in memory only.',
  }),
  MKM_SHUTDOWN: operation({
    code: 0x1202,
    leg: 'mkm',
    args: {},
    results: {},
    route: 'device',
    mutates: true,
    summary: 'Clears all cells and ends the holder, as switching the power off does.',
  }),
} as const;
