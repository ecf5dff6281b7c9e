import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { DerReader, DerWriter, Tag } from '#src/crypto/der.ts';

import { hex, sameBytes, throwsStatus } from './expect.ts';

test('integers survive a round trip and are minimal', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 4096n }), (value) => {
      const digits = value.toString(16);
      const bytes = hex(digits.padStart(digits.length + (digits.length % 2), '0'));
      const der = DerWriter.unsigned(Buffer.concat([Buffer.alloc(3), bytes]));
      assert.equal(BigInt(`0x${Buffer.from(new DerReader(der).unsigned()).toString('hex')}`), value);
    }),
  );
  sameBytes(DerWriter.unsigned(new Uint8Array(0)), hex('020100'));
  sameBytes(DerWriter.unsigned(hex('007f')), hex('02017f'));
  sameBytes(DerWriter.unsigned(hex('80')), hex('02020080'));
});

test('lengths of every form survive a round trip', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 100_000]) {
    const content = Buffer.alloc(length, 7);
    const reader = new DerReader(DerWriter.octetString(content));
    sameBytes(reader.octetString(), content);
    reader.end();
  }
});

test('what is not strict DER is refused', () => {
  const cases: Record<string, [string, (reader: DerReader) => unknown]> = {
    'empty input': ['', (reader) => reader.sequence()],
    'tag without length': ['30', (reader) => reader.sequence()],
    'length beyond the end': ['3001', (reader) => reader.sequence()],
    'length ends inside': ['3082ff', (reader) => reader.sequence()],
    'indefinite length': ['30800000', (reader) => reader.sequence()],
    'long form for a short length': ['04810155', (reader) => reader.octetString()],
    'leading zero in a length': [`04820080${'00'.repeat(128)}`, (reader) => reader.octetString()],
    'length of four bytes': ['048401000000', (reader) => reader.octetString()],
    'empty integer': ['0200', (reader) => reader.unsigned()],
    'negative integer': ['0201ff', (reader) => reader.unsigned()],
    'integer with needless zero': ['02020001', (reader) => reader.unsigned()],
    'version of two bytes': ['02020100', (reader) => reader.smallInteger()],
    'bit string of 7 bits': ['03020180', (reader) => reader.bitString()],
    'empty bit string': ['0300', (reader) => reader.bitString()],
    'another tag': ['0500', (reader) => reader.element(Tag.SEQUENCE)],
    'bytes behind the end': ['050000', (reader) => (reader.element(Tag.NULL), reader.end())],
  };
  for (const [name, [text, read]] of Object.entries(cases)) {
    throwsStatus('ASN1_PARSE_FAILED', () => read(new DerReader(hex(text))));
    assert.ok(name);
  }
});
