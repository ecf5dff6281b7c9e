import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readAttributeTemplate, writeAttributeTemplate } from '#src/cryptoki/attribute-templates.ts';
import { CKA, CKR } from '#src/cryptoki/constants.ts';
import {
  type Parameter,
  PARAMETER_SCHEMAS,
  readOptionalParameter,
  readParameter,
  writeParameter,
} from '#src/cryptoki/parameters.ts';
import { CkrError } from '#src/wire/status.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** One of each format: the value, and its bytes as the C library makes them. */
const EXAMPLES: { [F in keyof typeof PARAMETER_SCHEMAS]: [Parameter<F>, string] } = {
  iv: [{ iv: bytes('aabbcc') }, '00000003 aabbcc00'],
  ctr: [{ counterBits: 128, block: bytes('00'.repeat(15) + '01') }, `00000080 00000010 ${'00'.repeat(15)}01`],
  gcm: [{ iv: bytes('01'), aad: bytes(''), tagBits: 96 }, '00000001 01000000 00000000 00000060'],
  ccm: [
    { dataLength: 5, nonce: bytes('0102'), aad: bytes('03'), macLength: 8 },
    '00000005 00000002 01020000 00000001 03000000 00000008',
  ],
  pss: [{ hash: 0x250, mgf: 2, saltLength: 32 }, '00000250 00000002 00000020'],
  oaep: [{ hash: 0x220, mgf: 1, label: bytes('616263') }, '00000220 00000001 00000003 61626300'],
  eddsa: [{ prehash: 1, context: bytes('') }, '00000001 00000000'],
  ecdh: [{ kdf: 1, sharedData: bytes(''), publicData: bytes('04') }, '00000001 00000000 00000001 04000000'],
  rsaAesWrap: [{ aesBits: 256, hash: 0x250, mgf: 2, label: bytes('') }, '00000100 00000250 00000002 00000000'],
  hkdf: [
    { extract: 1, expand: 0, prf: 0x250, saltType: 1, salt: bytes(''), saltKey: bytes(''), info: bytes('ff') },
    '00000001 00000000 00000250 00000001 00000000 00000000 00000001 ff000000',
  ],
  pbkdf2: [
    { prf: 4, salt: bytes('73'), iterations: 1000, password: bytes('7077') },
    '00000004 00000001 73000000 000003e8 00000002 70770000',
  ],
  kdf108: [
    { prf: 0x251, iv: bytes(''), parts: [{ type: 4, value: bytes('6c') }] },
    '00000251 00000000 00000001 00000004 00000001 6c000000',
  ],
  signature: [{ hedge: 2, context: bytes('63'), hash: 0 }, '00000002 00000001 63000000 00000000'],
  macLength: [{ length: 12 }, '0000000c'],
};

describe('mechanism parameters', () => {
  for (const format of Object.keys(PARAMETER_SCHEMAS) as (keyof typeof PARAMETER_SCHEMAS)[]) {
    test(format, () => {
      const [value, hex] = EXAMPLES[format];
      const encoded = bytes(hex.replaceAll(' ', ''));
      assert.deepEqual(Buffer.from(writeParameter(format, value as Parameter<typeof format>)), Buffer.from(encoded));
      const read = Object.values(readParameter(format, encoded)).map((field) =>
        field instanceof Uint8Array ? Buffer.from(field).toString('hex') : field,
      );
      const expected = Object.values(value).map((field) =>
        field instanceof Uint8Array ? Buffer.from(field).toString('hex') : field,
      );
      assert.deepEqual(JSON.stringify(read), JSON.stringify(expected));
      assert.equal(readOptionalParameter(format, new Uint8Array(0)), undefined);
      const wrong = (error: unknown): boolean => error instanceof CkrError && error.ckr === CKR.MECHANISM_PARAM_INVALID;
      for (let length = 0; length < encoded.length; length += 4) {
        assert.throws(() => readParameter(format, encoded.subarray(0, length)), wrong, `${length} bytes`);
      }
      assert.throws(() => readParameter(format, Buffer.concat([encoded, Buffer.alloc(4)])), wrong, 'too long');
    });
  }
});

describe('templates as values of attributes', () => {
  const encoded = bytes('00000001 00000103 00000001 01000000'.replaceAll(' ', ''));

  test('are arrays of attributes', () => {
    assert.deepEqual(readAttributeTemplate(encoded), [{ type: CKA.SENSITIVE, value: Uint8Array.of(1) }]);
    assert.deepEqual(
      Buffer.from(writeAttributeTemplate([{ type: CKA.SENSITIVE, value: Uint8Array.of(1) }])),
      Buffer.from(encoded),
    );
    assert.deepEqual(readAttributeTemplate(new Uint8Array(0)), []);
  });

  test('are nothing else', () => {
    const wrong = (error: unknown): boolean => error instanceof CkrError && error.ckr === CKR.ATTRIBUTE_VALUE_INVALID;
    for (let length = 4; length < encoded.length; length += 4) {
      assert.throws(() => readAttributeTemplate(encoded.subarray(0, length)), wrong);
    }
    assert.throws(() => readAttributeTemplate(Buffer.concat([encoded, Buffer.alloc(4)])), wrong);
    for (const type of [CKA.WRAP_TEMPLATE, CKA.UNWRAP_TEMPLATE, CKA.DERIVE_TEMPLATE, CKA.DECAPSULATE_TEMPLATE]) {
      assert.throws(() => readAttributeTemplate(writeAttributeTemplate([{ type, value: encoded }])), wrong);
    }
    assert.throws(() => readAttributeTemplate(bytes('ffffffff')), wrong);
  });
});
