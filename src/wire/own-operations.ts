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
import { array, opaque, opaqueOrNil, struct, text, u32, uuid } from './schema.ts';

const { attributes, attributeValue, page, signInput } = Limits;

/** CKA_ type and value; CK_ULONG values are 8 bytes little-endian, CK_BBOOL one byte, as the vendor's library stores them. */
export const attribute = struct({ type: u32, value: opaque(attributeValue) });
const template = array(attribute, attributes);
const attributesOrNil = array(struct({ type: u32, value: opaqueOrNil(attributeValue) }), attributes);

/** A PKCS#11 object and everything about it that is not secret. */
export const objectFacts = struct({ object: uuid, attributes: template });

const parameter = opaque(65_536);
const signature = opaque(65_536);

/**
 * A key as its device describes it. `key` is the device UUID, `name` the UUID that clients of the appliance see,
 * `session` the PKCS#11 session that owns a session key (0 else), `spki` the SubjectPublicKeyInfo.
 */
export const keyFacts = struct({
  key: uuid,
  name: uuid,
  type: u32,
  curve: u32,
  bits: u32,
  flags: u32,
  session: u32,
  spki: opaque(16_384),
  attributes: template,
});

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
  SIGN: operation({
    code: 0x1030,
    leg: 'client',
    args: { object: uuid, mechanism: u32, parameter, data: opaque(signInput) },
    results: { signature },
    route: 'key',
    summary: 'Signs with a raw mechanism (CKM_RSA_PKCS, CKM_ECDSA, CKM_EDDSA); hashing is the caller’s.',
  }),
  VERIFY: operation({
    code: 0x1031,
    leg: 'client',
    args: { object: uuid, mechanism: u32, parameter, data: opaque(signInput), signature },
    results: {},
    route: 'key',
    summary: 'Verifies with a raw mechanism.',
  }),
} as const;

export const deviceOperations = {
  DEVICE_STATUS: operation({
    code: 0x1100,
    leg: 'device',
    args: {},
    results: { masterKey: u32, tokenKeys: u32, volatileKeys: u32, logins: u32 },
    route: 'device',
    summary: 'Master key state and counts. Also the first request on a link: its reply tells that the device is ready.',
  }),
  KEY_LIST: operation({
    code: 0x1110,
    leg: 'device',
    args: { connection: u32, after: uuid, limit: u32 },
    results: { more: u32, keys: array(keyFacts, page) },
    caller: 'userOrWheel',
    route: 'device',
    summary: 'Token keys in ascending device UUID order behind `after`, at most `limit`.',
  }),
  KEY_PAIR_CREATE: operation({
    code: 0x1111,
    leg: 'device',
    args: {
      connection: u32,
      session: u32,
      name: uuid,
      publicName: uuid,
      type: u32,
      curve: u32,
      bits: u32,
      exponent: opaque(16),
      flags: u32,
      publicFlags: u32,
      attributes: template,
      publicAttributes: template,
    },
    results: { privateKey: keyFacts, publicKey: keyFacts },
    caller: 'userOrWheelUnlessPublicSession',
    route: 'device',
    mutates: true,
    summary:
      'Generates a pair and stores both halves in one transaction. If `name` exists already the stored pair is returned unchanged. The device appends MODULUS, PUBLIC_EXPONENT, EC_PARAMS and EC_POINT to the attributes.',
  }),
  KEY_LOAD: operation({
    code: 0x1112,
    leg: 'device',
    args: { connection: u32, session: u32, name: uuid, der: opaque(16_384), flags: u32, attributes: template },
    results: { loaded: keyFacts },
    caller: 'userOrWheelUnlessPublicSession',
    route: 'device',
    mutates: true,
    summary: 'Stores a key given as PKCS#8 or SubjectPublicKeyInfo; the same `name` twice gives the stored key.',
  }),
  KEY_DELETE: operation({
    code: 0x1113,
    leg: 'device',
    args: { connection: u32, keys: array(uuid, page) },
    results: {},
    caller: 'userOrWheelUnlessPublicSession',
    route: 'device',
    mutates: true,
    summary: 'Destroys keys by device UUID, all or none; keys that do not exist count as destroyed.',
  }),
  KEY_SET_ATTRIBUTES: operation({
    code: 0x1114,
    leg: 'device',
    args: { connection: u32, key: uuid, attributes: attributesOrNil },
    results: { attributes: template },
    caller: 'userOrWheelUnlessPublicSession',
    route: 'device',
    mutates: true,
    summary: 'Sets or deletes (NIL) attributes, all or none; the reply has all attributes after the change.',
  }),
  KEY_SIGN: operation({
    code: 0x1115,
    leg: 'device',
    args: { connection: u32, key: uuid, mechanism: u32, parameter, data: opaque(signInput) },
    results: { signature },
    caller: 'userOrWheelUnlessPublicSession',
    route: 'device',
    summary: 'Signs with a raw PKCS#11 mechanism.',
  }),
  KEY_VERIFY: operation({
    code: 0x1116,
    leg: 'device',
    args: { connection: u32, key: uuid, mechanism: u32, parameter, data: opaque(signInput), signature },
    results: {},
    route: 'device',
    summary: 'Verifies with a raw PKCS#11 mechanism.',
  }),
  LOGIN_TICKET: operation({
    code: 0x1120,
    leg: 'device',
    args: { connection: u32 },
    results: { user: u32, ticket: opaque(64) },
    route: 'device',
    summary:
      'A ticket that restores the login of the connection after a restart of the device, so that the appliance need not keep a PIN.',
  }),
  LOGIN_RESUME: operation({
    code: 0x1121,
    leg: 'device',
    args: { connection: u32, user: u32, ticket: opaque(64) },
    results: {},
    route: 'device',
    summary: 'Restores a login. The ticket ends with a change of the role’s PIN.',
  }),
  MASTERKEY_SET: operation({
    code: 0x1130,
    leg: 'device',
    args: { connection: u32, key: opaque(32) },
    results: { key: opaque(32) },
    caller: 'wheel',
    route: 'device',
    mutates: true,
    summary: 'Sets the master key, or generates one if `key` is empty; the reply has the key.',
  }),
  MASTERKEY_CHECK: operation({
    code: 0x1131,
    leg: 'device',
    args: { connection: u32, key: opaque(32) },
    results: { verdict: u32, tokenKeys: u32 },
    caller: 'wheel',
    route: 'device',
    summary: 'Tells whether a master key fits the stored keys; an empty key asks about a random one.',
  }),
  MASTERKEY_CLEAR: operation({
    code: 0x1132,
    leg: 'device',
    args: { connection: u32 },
    results: {},
    caller: 'wheel',
    route: 'device',
    mutates: true,
    summary: 'Forgets the master key.',
  }),
  PIN_ROLLBACK: operation({
    code: 0x1133,
    leg: 'device',
    args: { connection: u32, user: u32 },
    results: {},
    caller: 'wheelOrSoForUser',
    route: 'device',
    mutates: true,
    summary: 'Takes back the last SET_PIN of this connection.',
  }),
  PIN_KEEP: operation({
    code: 0x1134,
    leg: 'device',
    args: { connection: u32, user: u32 },
    results: {},
    caller: 'wheelOrSoForUser',
    route: 'device',
    mutates: true,
    summary:
      'Keeps the PIN of a role valid beside the one that SET_PIN sets next, so that a change that reaches only some devices locks nobody out.',
  }),
  PIN_SETTLE: operation({
    code: 0x1135,
    leg: 'device',
    args: { connection: u32, user: u32 },
    results: {},
    route: 'device',
    mutates: true,
    summary:
      'All devices have the PIN that this connection set, or logged in with, last: it is the only one from now on. Without such a PIN nothing happens.',
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
