import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  ALL_KEY_FLAGS,
  Curve,
  DigestAlgorithm,
  KeyFlags,
  KeyType,
  Limits,
  MatchState,
  PROTOCOL_VERSION,
  User,
  USER_NAMES,
} from '#src/wire/enumerations.ts';
import { type Leg, type Operation } from '#src/wire/operation.ts';
import { operationOf, operations } from '#src/wire/operations.ts';
import { deviceOperations } from '#src/wire/device-operations.ts';
import { clientOperations, mkmOperations } from '#src/wire/own-operations.ts';
import { NIL } from '#src/wire/schema.ts';
import { HalError, HalStatus, statusName, statusText } from '#src/wire/status.ts';
import { vendorOperations } from '#src/wire/vendor-operations.ts';

/** libhal `rpc_func_num_t`, and the appliance's functions. */
// prettier-ignore
const VENDOR_NUMBERS = {
  GET_VERSION: 0, GET_RANDOM: 1, SET_PIN: 2, LOGIN: 3, LOGOUT: 4, LOGOUT_ALL: 5, IS_LOGGED_IN: 6,
  HASH_GET_DIGEST_LEN: 7, HASH_GET_DIGEST_ALGORITHM_ID: 8, HASH_GET_ALGORITHM: 9, HASH_INITIALIZE: 10,
  HASH_UPDATE: 11, HASH_FINALIZE: 12, PKEY_LOAD: 13, PKEY_OPEN: 14, PKEY_GENERATE_RSA: 15,
  PKEY_GENERATE_EC: 16, PKEY_CLOSE: 17, PKEY_DELETE: 18, PKEY_GET_KEY_TYPE: 19, PKEY_GET_KEY_FLAGS: 20,
  PKEY_GET_PUBLIC_KEY_LEN: 21, PKEY_GET_PUBLIC_KEY: 22, PKEY_SIGN: 23, PKEY_VERIFY: 24, PKEY_MATCH: 25,
  PKEY_GET_KEY_CURVE: 26, PKEY_SET_ATTRIBUTES: 27, PKEY_GET_ATTRIBUTES: 28, PKEY_EXPORT: 29,
  PKEY_IMPORT: 30, PKEY_GENERATE_HASHSIG: 31, CHECK_TAMPER: 66,
  GET_HSM_STATE: 1979, GET_IP: 1980, SET_RPC_DEVICE: 1981, DISABLE_CACHE_KEYGEN: 1982,
  ENABLE_CACHE_KEYGEN: 1983, USE_INCOMING_DEVICE_UUIDS: 1984, USE_INCOMING_MASTER_UUIDS: 1985,
};

/** libhal `HAL_ERROR_LIST` by position. */
const VENDOR_STATUS =
  'OK BAD_ARGUMENTS UNSUPPORTED_KEY IO_SETUP_FAILED IO_TIMEOUT IO_UNEXPECTED IO_OS_ERROR IO_BAD_COUNT CSPRNG_BROKEN ' +
  'KEYWRAP_BAD_MAGIC KEYWRAP_BAD_LENGTH KEYWRAP_BAD_PADDING IMPOSSIBLE ALLOCATION_FAILURE RESULT_TOO_LONG ' +
  'ASN1_PARSE_FAILED KEY_NOT_ON_CURVE INVALID_SIGNATURE CORE_NOT_FOUND CORE_BUSY KEYSTORE_ACCESS KEY_NOT_FOUND ' +
  'KEY_NAME_IN_USE NO_KEY_SLOTS_AVAILABLE PIN_INCORRECT NO_CLIENT_SLOTS_AVAILABLE FORBIDDEN XDR_BUFFER_OVERFLOW ' +
  'RPC_TRANSPORT RPC_PACKET_OVERFLOW RPC_BAD_FUNCTION KEY_NAME_TOO_LONG MASTERKEY_NOT_SET MASTERKEY_FAIL ' +
  'MASTERKEY_BAD_LENGTH KS_DRIVER_NOT_FOUND KEYSTORE_BAD_CRC KEYSTORE_BAD_BLOCK_TYPE KEYSTORE_LOST_DATA ' +
  'BAD_ATTRIBUTE_LENGTH ATTRIBUTE_NOT_FOUND NO_KEY_INDEX_SLOTS KS_INDEX_UUID_MISORDERED KEYSTORE_WRONG_BLOCK_TYPE ' +
  'RPC_PROTOCOL_ERROR NOT_IMPLEMENTED CORE_REASSIGNED ASSERTION_FAILED HASHSIG_KEY_EXHAUSTED NOT_READY TAMPER';

/**
 * Arguments, results, who may call and where it goes, as the vendor's functions have them.
 * `o` opaque, `t` text, `u` UUID, `?` a value or NIL; no mark is a 32-bit number.
 */
const VENDOR_TABLE: readonly [name: string, args: string, results: string, caller: string, route: string][] = [
  ['GET_VERSION', '', 'version', 'any', 'any'],
  ['GET_RANDOM', 'length', 'data:o', 'any', 'any'],
  ['SET_PIN', 'user pin:o', '', 'wheelOrSoForUser', 'all'],
  ['LOGIN', 'user pin:o', '', 'any', 'all'],
  ['LOGOUT', '', '', 'any', 'all'],
  ['LOGOUT_ALL', '', '', 'any', 'all'],
  ['IS_LOGGED_IN', 'user', '', 'any', 'all'],
  ['HASH_GET_DIGEST_LEN', 'alg', 'length', 'any', 'any'],
  ['HASH_GET_DIGEST_ALGORITHM_ID', 'alg lenMax', 'id:o', 'any', 'any'],
  ['HASH_GET_ALGORITHM', 'hash', 'alg', 'any', 'hash'],
  ['HASH_INITIALIZE', 'session alg key:o', 'hash', 'any', 'hash'],
  ['HASH_UPDATE', 'hash data:o', '', 'any', 'hash'],
  ['HASH_FINALIZE', 'hash length', 'digest:o', 'any', 'hash'],
  ['PKEY_LOAD', 'session der:o flags', 'pkey uuid:u', 'userOrWheelUnlessPublicSession', 'create'],
  ['PKEY_OPEN', 'session uuid:u', 'pkey', 'userOrWheel', 'key'],
  ['PKEY_GENERATE_RSA', 'session bits exponent:o flags', 'pkey uuid:u', 'userOrWheelUnlessPublicSession', 'create'],
  ['PKEY_GENERATE_EC', 'session curve flags', 'pkey uuid:u', 'userOrWheelUnlessPublicSession', 'create'],
  ['PKEY_CLOSE', 'pkey', '', 'any', 'handle'],
  ['PKEY_DELETE', 'pkey', '', 'userOrWheelUnlessPublicSession', 'handle'],
  ['PKEY_GET_KEY_TYPE', 'pkey', 'type', 'any', 'handle'],
  ['PKEY_GET_KEY_FLAGS', 'pkey', 'flags', 'any', 'handle'],
  ['PKEY_GET_PUBLIC_KEY_LEN', 'pkey', 'length', 'any', 'handle'],
  ['PKEY_GET_PUBLIC_KEY', 'pkey derMax', 'der:o', 'any', 'handle'],
  ['PKEY_SIGN', 'pkey hash input:o sigMax', 'signature:o', 'any', 'handle'],
  ['PKEY_VERIFY', 'pkey hash input:o signature:o', '', 'any', 'handle'],
  [
    'PKEY_MATCH',
    'session type curve mask flags attributes[type value:o] state resultMax previous:u',
    'state uuids[:u]',
    'match',
    'match',
  ],
  ['PKEY_GET_KEY_CURVE', 'pkey', 'curve', 'any', 'handle'],
  ['PKEY_SET_ATTRIBUTES', 'pkey attributes[type value:?]', '', 'userOrWheelUnlessPublicSession', 'handle'],
  ['PKEY_GET_ATTRIBUTES', 'pkey types[] bufferLen', 'attributes[type value:o]', 'any', 'handle'],
  ['PKEY_EXPORT', 'pkey kekek pkcs8Max kekMax', 'pkcs8:o kek:o', 'any', 'export'],
  ['PKEY_IMPORT', 'session kekek pkcs8:o kek:o flags', 'pkey uuid:u', 'userOrWheelUnlessPublicSession', 'create'],
  [
    'PKEY_GENERATE_HASHSIG',
    'session levels lms lmots flags',
    'pkey uuid:u',
    'userOrWheelUnlessPublicSession',
    'create',
  ],
  ['CHECK_TAMPER', '', '', 'any', 'worst'],
  ['GET_HSM_STATE', '', 'states[:t]', 'any', 'appliance'],
  ['GET_IP', '', 'address:t', 'any', 'appliance'],
  ['SET_RPC_DEVICE', 'index', '', 'internal', 'appliance'],
  ['DISABLE_CACHE_KEYGEN', '', '', 'internal', 'appliance'],
  ['ENABLE_CACHE_KEYGEN', '', '', 'internal', 'appliance'],
  ['USE_INCOMING_DEVICE_UUIDS', '', '', 'internal', 'appliance'],
  ['USE_INCOMING_MASTER_UUIDS', '', '', 'internal', 'appliance'],
];

const MARKS = { u32: '', opaque: ':o', text: ':t', uuid: ':u', opaqueOrNil: ':?' } as const;

/** The notation of {@link VENDOR_TABLE} for fields of the operation table. */
function notation(fields: Operation['args']): string {
  return Object.entries(fields)
    .map(([name, { shape }]) => {
      if (shape.type === 'struct') return `${name}{${notation(shape.fields)}}`;
      if (shape.type !== 'array') return name + MARKS[shape.type];
      const item = shape.item.shape;
      if (item.type === 'struct') return `${name}[${notation(item.fields)}]`;
      return `${name}[${item.type === 'array' ? '?' : MARKS[item.type]}]`;
    })
    .join(' ');
}

describe('operation table', () => {
  it('has the numbers of the vendor', () => {
    const numbers = Object.fromEntries(Object.entries(vendorOperations).map(([name, { code }]) => [name, code]));
    assert.deepEqual(numbers, VENDOR_NUMBERS);
  });

  it('has the fields, callers and routes of the vendor', () => {
    const table = Object.entries<Operation>(vendorOperations).map(([name, operation]) => [
      name,
      notation(operation.args),
      notation(operation.results),
      operation.caller,
      operation.route,
    ]);
    assert.deepEqual(table, VENDOR_TABLE);
  });

  it('knows what stays answered while the HSM is locked', () => {
    const always = Object.entries<Operation>(vendorOperations).filter(([, operation]) => operation.always);
    assert.deepEqual(
      always.map(([name]) => name),
      ['GET_VERSION', 'LOGOUT', 'IS_LOGGED_IN', 'CHECK_TAMPER', 'GET_HSM_STATE', 'GET_IP'],
    );
  });

  it('has every code and every name once', () => {
    const tables = [vendorOperations, clientOperations, deviceOperations, mkmOperations];
    const all = tables.flatMap((table) => Object.entries<Operation>(table));
    assert.equal(new Set(all.map(([name]) => name)).size, all.length);
    assert.equal(new Set(all.map(([, { code }]) => code)).size, all.length);
    assert.equal(Object.keys(operations).length, all.length);
    for (const [name, { code }] of all) assert.equal(operationOf(code), name);
  });

  it('has our own codes in the range of their leg', () => {
    const ranges: Record<Leg, [table: object, first: number, last: number]> = {
      vendor: [vendorOperations, 0, 0x0fff],
      client: [clientOperations, 0x1000, 0x10ff],
      device: [deviceOperations, 0x1100, 0x11ff],
      mkm: [mkmOperations, 0x1200, 0x12ff],
    };
    for (const [leg, [table, first, last]] of Object.entries(ranges)) {
      for (const [name, operation] of Object.entries<Operation>(table as Record<string, Operation>)) {
        assert.equal(operation.leg, leg, name);
        assert.ok(operation.code >= first && operation.code <= last, name);
      }
    }
  });

  it('knows no unassigned code', () => {
    for (const code of [32, 40, 65, 67, 999, 1978, 1986, 0x0fff, 0x10ff, 0x11ff, 0x12ff, 0xffff_ffff, -1, 0.5]) {
      assert.equal(operationOf(code), undefined);
    }
  });

  it('names an existing argument in every size query', () => {
    for (const [name, { args, sizeQuery }] of Object.entries<Operation>(operations)) {
      if (sizeQuery !== undefined) assert.ok(sizeQuery.argument in args, name);
    }
  });

  it('names the connection first in every function of a device that has arguments', () => {
    for (const [name, { args }] of Object.entries<Operation>(deviceOperations)) {
      const [first] = Object.keys(args);
      if (first !== undefined) assert.equal(first, 'connection', name);
    }
  });

  it('describes every function in a sentence', () => {
    for (const [name, { summary }] of Object.entries<Operation>(operations))
      assert.match(summary, /^[A-Z`].*\.$/, name);
  });
});

describe('status table', () => {
  it('has the 51 names of the vendor in order', () => {
    const names = VENDOR_STATUS.split(' ');
    assert.equal(names.length, 51);
    assert.deepEqual(Object.keys(HalStatus), names);
    names.forEach((name, number) => {
      assert.equal(HalStatus[name as keyof typeof HalStatus], number);
      assert.equal(statusName(number), name);
      assert.ok(statusText(number).length > 0);
    });
  });

  it('ends there', () => {
    for (const status of [51, 0x1000_0000, 0xffff_ffff, -1, 0.5]) {
      assert.equal(statusName(status), undefined);
      assert.equal(statusText(status), `unknown status ${status}`);
      const error = HalError.fromStatus(status);
      assert.equal(error.status, HalStatus.RPC_PROTOCOL_ERROR);
      assert.match(error.message, new RegExp(`status ${status}$`, 'u'));
    }
  });
});

describe('enumerations', () => {
  it('have the numbers of the vendor', () => {
    assert.equal(PROTOCOL_VERSION, 16_843_008);
    assert.deepEqual(User, { NONE: 0, NORMAL: 1, SO: 2, WHEEL: 3 });
    assert.deepEqual(USER_NAMES[User.NORMAL], 'user');
    assert.deepEqual(vendorPart(KeyType), {
      NONE: 0,
      RSA_PRIVATE: 1,
      RSA_PUBLIC: 2,
      EC_PRIVATE: 3,
      EC_PUBLIC: 4,
      HASHSIG_PRIVATE: 5,
      HASHSIG_PUBLIC: 6,
      HASHSIG_LMS: 7,
      HASHSIG_LMOTS: 8,
    });
    assert.deepEqual(vendorPart(Curve), { NONE: 0, P256: 1, P384: 2, P521: 3 });
    assert.deepEqual(
      Object.keys(DigestAlgorithm),
      'NONE SHA1 SHA224 SHA256 SHA512_224 SHA512_256 SHA384 SHA512'.split(' '),
    );
    assert.deepEqual(Object.values(DigestAlgorithm), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(Object.values(KeyFlags), [1, 2, 4, 8, 16, 32]);
    assert.equal(
      Object.values(KeyFlags).reduce((sum, flag) => sum | flag, 0),
      ALL_KEY_FLAGS,
    );
    assert.deepEqual(MatchState, { START: 0, TOKEN: 1, VOLATILE: 2, DONE: 3 });
    assert.equal(NIL, 0xffff_ffff);
    assert.equal(Limits.pinMin, 4);
    assert.equal(Limits.pinMax, 4096);
    assert.equal(Limits.random, 16_368);
  });
});

/** Values below 16; those above are ours. */
function vendorPart(table: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(table).filter(([, number]) => number < 16));
}
