/**
 * Writes the C header with the numbers that the PKCS#11 library shares with the server: function codes, status words,
 * limits, and the PKCS#11 constants. Usage: `node scripts/generate-c-headers.ts <output file>`.
 */

import { readFileSync, writeFileSync } from 'node:fs';

import {
  CERTIFICATE_CATEGORY,
  CKA,
  CKC,
  CKF_MECHANISM,
  CKF_TOKEN,
  CKK,
  CKM,
  CKO,
  CKR,
} from '#src/cryptoki/constants.ts';
import { CURVES, printableString } from '#src/cryptoki/curves.ts';
import { DIGESTS } from '#src/cryptoki/digests.ts';
import { MECHANISMS } from '#src/cryptoki/mechanisms.ts';
import {
  CK_SP800_108,
  CKD,
  CKF_HKDF_SALT,
  CKG_MGF1,
  CKH,
  CKP,
  CKP_PKCS5_PBKD2,
  CKP_PROFILE,
  CKZ,
} from '#src/cryptoki/parameter-numbers.ts';
import { PARAMETER_SCHEMAS } from '#src/cryptoki/parameters.ts';
import { ApplianceState, Curve, Limits, User } from '#src/wire/enumerations.ts';
import { clientOperations } from '#src/wire/own-operations.ts';
import { Bug, CKR_STATUS_BASE, HalStatus } from '#src/wire/status.ts';
import { vendorOperations } from '#src/wire/vendor-operations.ts';

type Numbers = Readonly<Record<string, number>>;

/** Constants that only a PKCS#11 library has a use for (PKCS#11 2.40 header `pkcs11t.h`). */
const LIBRARY_ONLY: Readonly<Record<string, Numbers>> = {
  CKR: {
    CANCEL: 0x001,
    SLOT_ID_INVALID: 0x003,
    NO_EVENT: 0x008,
    NEED_TO_CREATE_THREADS: 0x009,
    CANT_LOCK: 0x00a,
    FUNCTION_CANCELED: 0x050,
    FUNCTION_NOT_PARALLEL: 0x051,
    KEY_NOT_NEEDED: 0x064,
    KEY_CHANGED: 0x065,
    KEY_NEEDED: 0x066,
    OPERATION_ACTIVE: 0x090,
    OPERATION_NOT_INITIALIZED: 0x091,
    SESSION_CLOSED: 0x0b0,
    SESSION_HANDLE_INVALID: 0x0b3,
    SESSION_PARALLEL_NOT_SUPPORTED: 0x0b4,
    SESSION_EXISTS: 0x0b6,
    SESSION_READ_ONLY_EXISTS: 0x0b7,
    SESSION_READ_WRITE_SO_EXISTS: 0x0b8,
    TOKEN_NOT_RECOGNIZED: 0x0e1,
    TOKEN_WRITE_PROTECTED: 0x0e2,
    USER_ALREADY_LOGGED_IN: 0x100,
    USER_TYPE_INVALID: 0x103,
    USER_ANOTHER_ALREADY_LOGGED_IN: 0x104,
    USER_TOO_MANY_TYPES: 0x105,
    RANDOM_SEED_NOT_SUPPORTED: 0x120,
    BUFFER_TOO_SMALL: 0x150,
    SAVED_STATE_INVALID: 0x160,
    STATE_UNSAVEABLE: 0x180,
    CRYPTOKI_NOT_INITIALIZED: 0x190,
    CRYPTOKI_ALREADY_INITIALIZED: 0x191,
    MUTEX_BAD: 0x1a0,
    MUTEX_NOT_LOCKED: 0x1a1,
    LIBRARY_LOAD_FAILED: 0x1b7,
    OPERATION_CANCEL_FAILED: 0x202,
    PENDING: 0x204,
    SESSION_ASYNC_NOT_SUPPORTED: 0x205,
    SEED_RANDOM_REQUIRED: 0x206,
    OPERATION_NOT_VALIDATED: 0x207,
  },
  CKF: {
    // Of slots (3.2), sessions (3.3), C_Initialize (3.7), C_WaitForSlotEvent and C_SessionCancel.
    TOKEN_PRESENT: 0x1,
    HW_SLOT: 0x4,
    RW_SESSION: 0x2,
    SERIAL_SESSION: 0x4,
    LIBRARY_CANT_CREATE_OS_THREADS: 0x1,
    OS_LOCKING_OK: 0x2,
    DONT_BLOCK: 0x1,
    FIND_OBJECTS: 0x40,
    DIGEST: 0x400,
    SIGN: 0x800,
    VERIFY: 0x2000,
  },
  CKU: { SO: 0, USER: 1, CONTEXT_SPECIFIC: 2 },
  CKS: {
    RO_PUBLIC_SESSION: 0,
    RO_USER_FUNCTIONS: 1,
    RW_PUBLIC_SESSION: 2,
    RW_USER_FUNCTIONS: 3,
    RW_SO_FUNCTIONS: 4,
  },
};

const lines: string[] = [
  '/* Generated from src/wire and src/cryptoki by scripts/generate-c-headers.ts. Do not edit. */',
  '#ifndef DKS_GENERATED_H',
  '#define DKS_GENERATED_H',
];
const defined = new Map<string, number>();

function define(name: string, value: number, suffix: string): void {
  if (defined.has(name)) {
    if (defined.get(name) !== value) throw new Bug(`${name} has two values`);
    return;
  }
  defined.set(name, value);
  lines.push(`#define ${name} 0x${value.toString(16)}${suffix}`);
}

function section(comment: string, prefix: string, numbers: Numbers, suffix = 'u'): void {
  lines.push('', `/* ${comment} */`);
  for (const [name, value] of Object.entries(numbers)) define(`${prefix}_${name}`, value, suffix);
}

const { GET_RANDOM, SET_PIN, LOGIN, LOGOUT } = vendorOperations;
const functions = Object.entries({ GET_RANDOM, SET_PIN, LOGIN, LOGOUT, ...clientOperations });

section('Function codes.', 'RPC', Object.fromEntries(functions.map(([name, { code }]) => [name, code])));
section('Status words.', 'HAL', HalStatus);
define('CKR_STATUS_BASE', CKR_STATUS_BASE, 'u');
section('Roles.', 'HAL_USER', User);
section('What the appliance can do, of TOKEN_INFO.', 'APPLIANCE', ApplianceState);
section(
  'Sizes in bytes.',
  'LIMIT',
  Object.fromEntries(Object.entries(Limits).map(([name, value]) => [upperCase(name), value])),
);
section('Object classes.', 'CKO', CKO, 'UL');
section('Key types.', 'CKK', CKK, 'UL');
section('Attribute types.', 'CKA', CKA, 'UL');
section('Mechanisms.', 'CKM', CKM, 'UL');
section('Mechanism information flags.', 'CKF_MECHANISM', CKF_MECHANISM, 'UL');
section('Token information flags.', 'CKF_TOKEN', CKF_TOKEN, 'UL');
section('Mask generation functions.', 'CKG_MGF1', CKG_MGF1, 'UL');
section('Key derivation functions.', 'CKD', CKD, 'UL');
section('Sources of labels and salts.', 'CKZ', CKZ, 'UL');
section('Pseudo-random functions of PBKDF2.', 'CKP_PKCS5_PBKD2', CKP_PKCS5_PBKD2, 'UL');
section('Parameter sets.', 'CKP', CKP, 'UL');
section('Profiles.', 'CKP', CKP_PROFILE, 'UL');
section('Randomness in signatures.', 'CKH', CKH, 'UL');
section('Salts of HKDF.', 'CKF_HKDF_SALT', CKF_HKDF_SALT, 'UL');
section('Input of SP 800-108 functions.', 'CK_SP800_108', CK_SP800_108, 'UL');
section('Certificate types.', 'CKC', CKC, 'UL');
section('Certificate categories.', 'CK_CERTIFICATE_CATEGORY', CERTIFICATE_CATEGORY, 'UL');
section('Return values.', 'CKR', CKR, 'UL');
for (const [prefix, numbers] of Object.entries(LIBRARY_ONLY)) {
  section('Of the library alone.', prefix, numbers, 'UL');
}

/** Names of key types for DKS_PKCS11_HIDE_KEY_TYPES. */
lines.push('', '#define CKK_NAMES(X) \\');
const names = Object.keys(CKK);
lines.push(...names.map((name, i) => `  X("${name}", CKK_${name})${i < names.length - 1 ? ' \\' : ''}`));

/** A name of TypeScript as a name of C: `rsaAesWrap` is `RSA_AES_WRAP`. */
function upperCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, '_$&').toUpperCase();
}

const curveNumbers = Object.entries(Curve);

/** A macro that calls X for each row. */
function table(comment: string, name: string, rows: readonly string[]): void {
  lines.push('', `/* ${comment} */`, `#define ${name}(X) \\`);
  lines.push(...rows.map((row, i) => `  X(${row})${i < rows.length - 1 ? ' \\' : ''}`));
}

const formats = ['none', ...Object.keys(PARAMETER_SCHEMAS)];
lines.push('', '/* Formats of mechanism parameters, see src/cryptoki/parameters.ts. */', 'enum parameter {');
lines.push(...formats.map((format) => `  PARAMETER_${upperCase(format)},`), '};');
lines.push('', '/* How data in parts is sent, see src/cryptoki/mechanisms.ts. */');
lines.push('enum parts { PARTS_ONCE, PARTS_DIGEST, PARTS_MESSAGE, PARTS_BLOCKS };');

table(
  'X(name, OpenSSL name, CKM_ or CK_UNAVAILABLE_INFORMATION, bytes, CKG_MGF1_ or 0)',
  'DIGEST_TABLE',
  DIGESTS.map(({ name, openssl, mechanism, size, mgf }) => {
    const number = mechanism === undefined ? '~0UL' : hexadecimal(mechanism);
    return `DIGEST_${name}, "${openssl.toUpperCase()}", ${number}, ${size}, ${hexadecimal(mgf ?? 0)}`;
  }),
);
table(
  'X(mechanism, CKF_ flags, CKK_, another CKK_ or the same, DIGEST_, PARAMETER_, PARTS_); digests have no key type.',
  'MECHANISM_TABLE',
  MECHANISMS.map(({ name, flags, keyTypes, digest, parameter, parts }) => {
    const [first, second] = keyTypes;
    const types = [first, second ?? first].map((type) => (type === undefined ? '~0UL' : hexadecimal(type)));
    const words = [`DIGEST_${digest ?? 'NONE'}`, `PARAMETER_${upperCase(parameter)}`, `PARTS_${parts.toUpperCase()}`];
    return [`CKM_${name}`, hexadecimal(flags), ...types, ...words].join(', ');
  }),
);

table(
  'X(CKA_EC_PARAMS, its length, bytes of a private key, of a signature, of a point, OpenSSL name)',
  'CURVE_TABLE',
  CURVES.flatMap(({ oid, names, keyType, curve, privateSize, signatureSize, pointSize }) => {
    const opensslName = keyType === CKK.EC ? names[0] : curveNumbers.find(([, number]) => number === curve)?.[0];
    return [oid, ...names.map(printableString)].map((params) => {
      const text = Array.from(params, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
      return [`"${text}"`, params.length, privateSize, signatureSize, pointSize, `"${opensslName}"`].join(', ');
    });
  }),
);

const returnValues = Object.keys({ ...CKR, ...LIBRARY_ONLY['CKR'] });
table(
  'X(return value)',
  'CKR_TABLE',
  returnValues.map((name) => `CKR_${name}`),
);

function hexadecimal(value: number): string {
  return `0x${value.toString(16)}UL`;
}
lines.push('', '#endif', '');

const output = process.argv[2];
if (output === undefined) {
  console.error('Usage: node scripts/generate-c-headers.ts <output file>');
  process.exitCode = 2;
} else {
  // An unchanged header keeps its time, so that nothing is compiled again.
  const text = lines.join('\n');
  if (!sameContent(output, text)) writeFileSync(output, text);
}

function sameContent(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8') === text;
  } catch {
    return false;
  }
}
