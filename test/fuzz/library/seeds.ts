/**
 * Inputs to start from for the fuzzing of the library: whole replies as an appliance makes them, behind the calls that ask
 * for them. Usage: `node test/fuzz/library/seeds.ts FOLDER`.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPairSync } from 'node:crypto';

import { CKA, CKF_MECHANISM, CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { MECHANISMS } from '#src/cryptoki/mechanisms.ts';
import { encodeReply } from '#src/wire/message.ts';
import { type OperationName } from '#src/wire/operations.ts';
import { Bug } from '#src/wire/status.ts';

/** Calls and kinds of replies of `replies.c`. */
const FIND = 0;
const READ = 1;
const SIGN = 2;
const VERIFY = 3;
const MAKE = 4;
const TOKEN = 5;
const ENCRYPT = 6;
const DECRYPT = 7;
const CHANGE = 8;

const folder = process.argv[2];
if (folder === undefined) throw new Bug('no folder');
mkdirSync(folder, { recursive: true });

interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

function ulong(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A reply as `replies.c` reads it: the header, which it writes itself, is cut off. */
function reply(name: OperationName, results: unknown, kind = 0): Buffer {
  // oxlint-disable-next-line typescript/no-unsafe-argument
  const message = Buffer.from(encodeReply(name, 0, results as never)).subarray(8);
  return Buffer.concat([Buffer.of(kind, message.length & 0xff, message.length >> 8), message]);
}

function uuid(byte: number): Buffer {
  return Buffer.alloc(16, byte);
}

const base = (label: string): Attribute[] => [
  { type: CKA.LABEL, value: Buffer.from(label) },
  { type: CKA.ID, value: Buffer.of(1, 2, 3) },
  { type: CKA.TOKEN, value: Buffer.of(1) },
  { type: CKA.PRIVATE, value: Buffer.of(0) },
  ...[CKA.SIGN, CKA.VERIFY, CKA.ENCRYPT, CKA.DECRYPT, CKA.WRAP, CKA.UNWRAP, CKA.DERIVE, CKA.EXTRACTABLE].map(
    (type) => ({
      type,
      value: Buffer.of(1),
    }),
  ),
];

const jwkPart = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey.export({ format: 'jwk' });
const ed = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const octets = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of(4, bytes.length), bytes]);

const keyed = (objectClass: number, type: number, more: Attribute[]): Attribute[] => [
  { type: CKA.CLASS, value: ulong(objectClass) },
  { type: CKA.KEY_TYPE, value: ulong(type) },
  ...base('key'),
  ...more,
];
const rsaParts = [
  { type: CKA.MODULUS, value: jwkPart(rsa.n) },
  { type: CKA.PUBLIC_EXPONENT, value: jwkPart(rsa.e) },
];
const ecParts = [
  { type: CKA.EC_PARAMS, value: Buffer.from('06082a8648ce3d030107', 'hex') },
  { type: CKA.EC_POINT, value: octets(Buffer.concat([Buffer.of(4), jwkPart(ec.x), jwkPart(ec.y)])) },
];
const edParts = [
  { type: CKA.EC_PARAMS, value: Buffer.from('06032b6570', 'hex') },
  { type: CKA.EC_POINT, value: octets(jwkPart(ed.x)) },
];

const OBJECTS: Readonly<Record<string, Attribute[]>> = {
  'rsa-private': keyed(CKO.PRIVATE_KEY, CKK.RSA, rsaParts),
  'rsa-public': keyed(CKO.PUBLIC_KEY, CKK.RSA, rsaParts),
  'ec-private': keyed(CKO.PRIVATE_KEY, CKK.EC, ecParts),
  'ec-public': keyed(CKO.PUBLIC_KEY, CKK.EC, ecParts),
  'ed-private': keyed(CKO.PRIVATE_KEY, CKK.EC_EDWARDS, edParts),
  'ed-public': keyed(CKO.PUBLIC_KEY, CKK.EC_EDWARDS, edParts),
  aes: keyed(CKO.SECRET_KEY, CKK.AES, [{ type: CKA.VALUE_LEN, value: ulong(32) }]),
  generic: keyed(CKO.SECRET_KEY, CKK.GENERIC_SECRET, [{ type: CKA.VALUE_LEN, value: ulong(32) }]),
  data: [
    { type: CKA.CLASS, value: ulong(CKO.DATA) },
    ...base('data'),
    { type: CKA.VALUE, value: Buffer.from('value') },
  ],
};

const found = (attributes: Attribute[], kind = 0): Buffer =>
  Buffer.concat([
    Buffer.of(FIND, 0),
    reply('OBJECT_FIND', { more: 0, objects: [{ object: uuid(1), attributes }] }, kind),
  ]);
const call = (name: number, choice: number, ...replies: Buffer[]): Buffer =>
  Buffer.concat([Buffer.of(name, choice), ...replies]);

const seeds: [string, Buffer][] = [];
for (const [name, attributes] of Object.entries(OBJECTS)) {
  const created = { created: { object: uuid(2), attributes } };
  seeds.push([
    `read-${name}`,
    Buffer.concat([found(attributes), call(READ, 255, reply('OBJECT_VALUE', { attributes }))]),
  ]);
  seeds.push([`pieces-${name}`, Buffer.concat([found(attributes, 1), call(READ, 0)])]);
  // Every mechanism for this type of key.
  const type = attributes.find((attribute) => attribute.type === CKA.KEY_TYPE)?.value[0];
  for (const [choice, { keyTypes, flags }] of MECHANISMS.entries()) {
    if (type === undefined || !keyTypes.includes(type)) continue;
    const uses: [number, number, Buffer[]][] = [
      [CKF_MECHANISM.SIGN, SIGN, [64, 64, 64].map((size) => reply('SIGN', { signature: Buffer.alloc(size) }))],
      [CKF_MECHANISM.VERIFY, VERIFY, [reply('VERIFY', {}), reply('VERIFY', {})]],
      [CKF_MECHANISM.ENCRYPT, ENCRYPT, [32, 32, 16].map((size) => reply('ENCRYPT', { result: Buffer.alloc(size) }))],
      [CKF_MECHANISM.DECRYPT, DECRYPT, [32, 32, 16].map((size) => reply('DECRYPT', { result: Buffer.alloc(size) }))],
    ];
    for (const [flag, use, replies] of uses) {
      if ((flags & flag) === 0) continue;
      seeds.push([`use-${name}-${choice}-${use}`, Buffer.concat([found(attributes), call(use, choice, ...replies)])]);
    }
  }
  // One call each: what a call does not ask for would be read as the next call.
  const more: Buffer[] = [
    call(MAKE, 0, reply('OBJECT_CREATE', created)),
    call(MAKE, 1, reply('SECRET_KEY_GENERATE', created)),
    call(MAKE, 2, reply('KEY_PAIR_GENERATE', { publicKey: created.created, privateKey: created.created })),
    call(MAKE, 3, reply('OBJECT_COPY', created)),
    call(MAKE, 4, reply('WRAP', { wrapped: Buffer.alloc(40) })),
    call(MAKE, 5, reply('UNWRAP', created)),
    call(MAKE, 6, reply('ENCAPSULATE', { ciphertext: Buffer.alloc(768), ...created })),
    call(MAKE, 7, reply('DECAPSULATE', created)),
    call(MAKE, 8, reply('DERIVE', created)),
    call(CHANGE, 0, reply('OBJECT_SET', { attributes })),
    call(CHANGE, 1, reply('OBJECT_DESTROY', {})),
    call(CHANGE, 6, reply('ENCRYPT', { result: Buffer.alloc(48) })),
    call(CHANGE, 7, reply('DECRYPT', { result: Buffer.alloc(32) })),
  ];
  for (const [i, one] of more.entries()) seeds.push([`more-${name}-${i}`, Buffer.concat([found(attributes), one])]);
}
const mechanism = { mechanism: CKM.RSA_PKCS, minKeySize: 1024, maxKeySize: 4096, flags: 0x800 };
const info = {
  ...{ label: 'Cryptech Token', manufacturer: 'x', model: 'y', serial: 'z', flags: 0x40d, pinMin: 4, pinMax: 4096 },
  ...{ hardwareVersion: 1, firmwareVersion: 256, state: 0 },
};
seeds.push(['token', call(TOKEN, 0, reply('TOKEN_INFO', info), reply('MECHANISM_LIST', { mechanisms: [mechanism] }))]);
seeds.push(['pin', Buffer.concat([2, 3, 4].map((choice) => call(CHANGE, choice, reply('PIN_CHANGE', {}))))]);
seeds.push(['random', call(CHANGE, 5, reply('GET_RANDOM', { data: Buffer.alloc(16_368) }))]);
seeds.push([
  'lost',
  call(FIND, 0, Buffer.of(3, 0, 0), reply('HELLO', { version: 1, serial: 'x', requestLimit: 4, resumed: 0 })),
]);
seeds.push(['raw', call(FIND, 0, Buffer.of(2, 8, 0, 0xc0, 0, 0, 0xdb, 0xdc, 0xdb, 0xdd, 0xc0))]);

for (const [name, bytes] of seeds) writeFileSync(join(folder, name), bytes);
