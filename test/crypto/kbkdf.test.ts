import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';

import { kbkdf, type KbkdfField, type KbkdfMode, type KbkdfPrf } from '#src/crypto/kbkdf.ts';

import { hex, rejectsAs, sameBytes } from './expect.ts';

const CMAC: KbkdfPrf = { kind: 'cmac' };
const SHA256: KbkdfPrf = { kind: 'hmac', hash: 'sha256' };
const bytes = (value: string): KbkdfField => ({ kind: 'bytes', value: hex(value) });

test('counter mode gives the values of NIST CAVP', async () => {
  const fields: KbkdfField[] = [
    { kind: 'iteration', bits: 8 },
    bytes(
      'c16e6e02c5a3dcc8d78b9ac1306877761310455b4e41469951d9e6c2245a064b33fd8c3b01203a7824485bf0a64060c4648b707d2607935699316ea5',
    ),
  ];
  const key = hex('dff1e50ac0b69dc40f1051d46c2b069c');
  sameBytes(await kbkdf('counter', CMAC, key, { fields }, 16), hex('8be8f0869b3c0ba97b71863d1b9f7813'));
  sameBytes(await kbkdf('counter', CMAC, key, { fields }, 5), hex('8be8f0869b'));

  const hmacKey = hex('3edc6b5b8f7aadbd713732b482b8f979286e1ea3b8f8f99c30c884cfe3349b83');
  const hmacFields: KbkdfField[] = [
    { kind: 'iteration', bits: 8 },
    bytes(
      '98e9988bb4cc8b34d7922e1c68ad692ba2a1d9ae15149571675f17a77ad49e80c8d2a85e831a26445b1f0ff44d7084a17206b4896c8112daad18605a',
    ),
  ];
  sameBytes(
    await kbkdf('counter', SHA256, hmacKey, { fields: hmacFields }, 16),
    hex('6c037652990674a07844732d0ad985f9'),
  );
});

test('feedback and double-pipeline mode give the values of NIST CAVP', async () => {
  sameBytes(
    await kbkdf(
      'feedback',
      CMAC,
      hex('6874c099a14942d5bcd823183a4ceb9c'),
      {
        iv: hex('4ab31c84730527fbf008e446501bb26a'),
        fields: [
          { kind: 'counter', bits: 8 },
          { kind: 'iteration', bits: 0 },
          bytes(
            '0909d62821ec989fe16d6d77358126d272fff3e2dc4795c5a9421bee65be679b9f651668fdbc2c13d2ef4932f8830b56e5e1e0',
          ),
        ],
      },
      64,
    ),
    hex(
      '265062a5de896edbfc0d071bdfb6dfd18901f3786cee3c401e53c198e80e78bab17c7049c723d4cd9d334952509c44d7e7bc16627a1e7177b80157a3c56ac21b',
    ),
  );
  sameBytes(
    await kbkdf(
      'double-pipeline',
      CMAC,
      hex('c6254d95dd108e9bb29e0053ddeec351'),
      {
        fields: [
          { kind: 'counter', bits: 8 },
          { kind: 'iteration', bits: 0 },
          bytes(
            '22f498fc9b8d4b72188bce30ba9875fc2b0eb3fe76874d85426e6e5b3b237c9f445f2da20a60ab189802e2c152c4a3602aa342',
          ),
        ],
      },
      64,
    ),
    hex(
      '1e133a952df55a11ee038120375f61e7c0162842c817160693b1f39dc0b795bc6f3691db775cf3af4b0a9f69fecbe99679fd4b4873dda743f5c6a2d2e873f26d',
    ),
  );
});

/** SP 800-108r1 section 4 with the fields as they are, to judge their order and form. */
test('label, context, counter and length stand where the fields say, in either byte order', async () => {
  const key = Buffer.from('key');
  const run = (...parts: Uint8Array[]): Buffer => createHmac('sha384', key).update(Buffer.concat(parts)).digest();
  const prf: KbkdfPrf = { kind: 'hmac', hash: 'sha384' };
  const [label, context] = [bytes('6c6162656c00'), bytes('637478')];
  const fields: KbkdfField[] = [
    label,
    { kind: 'iteration', bits: 24, littleEndian: true },
    context,
    { kind: 'length', bits: 32, method: 'keys' },
  ];
  const expected = Buffer.concat([
    run(hex('6c6162656c00'), hex('010000'), hex('637478'), hex('00000320')),
    run(hex('6c6162656c00'), hex('020000'), hex('637478'), hex('00000320')),
    run(hex('6c6162656c00'), hex('030000'), hex('637478'), hex('00000320')),
  ]).subarray(0, 100);
  sameBytes(await kbkdf('counter', prf, key, { fields }, 100), expected);

  // Three segments of 48 bytes are 1152 bits.
  const segments: KbkdfField[] = [
    { kind: 'iteration', bits: 8 },
    { kind: 'length', bits: 64, method: 'segments', littleEndian: true },
  ];
  sameBytes(
    await kbkdf('counter', prf, key, { fields: segments }, 100),
    Buffer.concat([1, 2, 3].map((index) => run(Buffer.of(index), hex('8004000000000000')))).subarray(0, 100),
  );

  // Without IV and counter; the second block is fed with the first.
  const first = run(hex('637478'));
  sameBytes(
    await kbkdf('feedback', prf, key, { fields: [{ kind: 'iteration', bits: 0 }, context] }, 96),
    Buffer.concat([first, run(first, hex('637478'))]),
  );
  const a1 = run(hex('637478'));
  const a2 = run(a1);
  sameBytes(
    await kbkdf('double-pipeline', prf, key, { fields: [{ kind: 'iteration', bits: 0 }, context] }, 96),
    Buffer.concat([run(a1, hex('637478')), run(a2, hex('637478'))]),
  );
});

test('fields that a mode does not have, widths that do not exist and counters that are too short are refused', async () => {
  const key = Buffer.alloc(16);
  const refused = async (mode: KbkdfMode, fields: KbkdfField[], length = 16): Promise<void> =>
    rejectsAs('parameter', async () => kbkdf(mode, SHA256, key, { fields }, length));
  const iteration: KbkdfField = { kind: 'iteration', bits: 8 };
  await refused('counter', []);
  await refused('counter', [bytes('00')]);
  await refused('counter', [iteration, iteration]);
  await refused('counter', [iteration, { kind: 'counter', bits: 8 }]);
  await refused('feedback', [{ kind: 'counter', bits: 8 }]);
  await refused('feedback', [iteration, { kind: 'counter', bits: 8 }, { kind: 'counter', bits: 8 }]);
  const size: KbkdfField = { kind: 'length', bits: 32, method: 'keys' };
  await refused('counter', [iteration, size, size]);
  for (const bits of [0, 1, 7, 9, 40, 64]) await refused('counter', [{ kind: 'iteration', bits }]);
  for (const bits of [0, 12, 128]) await refused('counter', [iteration, { kind: 'length', bits, method: 'keys' }]);
  for (const length of [0, -1, 8193, 1.5]) await refused('counter', [iteration], length);
  // 255 blocks of 32 bytes are all that a counter of one byte counts.
  assert.equal((await kbkdf('counter', SHA256, key, { fields: [iteration] }, 255 * 32)).length, 8160);
  await refused('counter', [iteration], 255 * 32 + 1);
  // 256 bits and more do not fit a length of one byte.
  await refused('counter', [iteration, { kind: 'length', bits: 8, method: 'keys' }], 32);
  await rejectsAs('key-size', async () => kbkdf('counter', CMAC, Buffer.alloc(20), { fields: [iteration] }, 16));
});
