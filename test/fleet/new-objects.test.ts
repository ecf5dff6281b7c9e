/** Key encapsulation whose answer was lost, on a scripted device. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { DeviceChooser } from '#src/fleet/choose-device.ts';
import { Connection, type FleetConnection } from '#src/fleet/connection.ts';
import { KeyCopies } from '#src/fleet/key-copies.ts';
import { type KeyEntry, KeyTable } from '#src/fleet/key-table.ts';
import { KeyTurns } from '#src/fleet/key-turns.ts';
import { NewObjects } from '#src/fleet/new-objects.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { decodeArgs, encodeReply } from '#src/wire/message.ts';
import { HalStatus } from '#src/wire/status.ts';
import { FakeDevice } from './fake-device.ts';

const uuid = (byte: number) => new Uint8Array(16).fill(byte);
const LABEL = { type: 3, value: Uint8Array.of(0x61) };
const REQUEST = {
  ...{ session: 0, name: uuid(0x20), type: KeyType.SECRET, bits: 0, flags: KeyFlags.TOKEN, attributes: [LABEL] },
  ...{ mechanism: 1, parameter: new Uint8Array(0) },
};

let fake: FakeDevice | undefined;
afterEach(async () => {
  await fake?.stop();
});

test('a key whose ciphertext nobody got is destroyed and made anew, but no other', async () => {
  fake = new FakeDevice({ index: 0 });
  const run = await fake.running();
  const keys = new KeyTable();
  const publicKey: KeyEntry = {
    ...{ name: uuid(0x10), id: uuid(0x10).toHex(), copies: new Map([[0, uuid(0x11)]]), type: KeyType.ML_KEM_PUBLIC },
    ...{ curve: Curve.ML_KEM_768, bits: 0, flags: KeyFlags.TOKEN, spki: new Uint8Array(0), attributes: new Map() },
    ...{ owner: undefined, session: 0 },
  };
  keys.add([publicKey]);
  const chooser = new DeviceChooser([fake.device]);
  /** What a daemon knows that has just been started. */
  const objects = () => new NewObjects(keys, new KeyCopies(keys, [fake!.device], chooser, new KeyTurns()), () => {});
  const connection = Object.assign(Object.create(Connection.prototype) as FleetConnection, {
    number: 7,
    creating: (work: Promise<unknown>) => work,
  });
  const made = async (nth: number): Promise<void> => {
    const { client } = await run.request('KEY_ENCAPSULATE', nth);
    const created = {
      ...{ key: uuid(0x30 + nth), name: REQUEST.name, type: KeyType.SECRET, curve: 0, bits: 256 },
      ...{ flags: KeyFlags.TOKEN, session: 0, spki: new Uint8Array(0), attributes: [LABEL] },
    };
    run.send(encodeReply('KEY_ENCAPSULATE', client, { ciphertext: Uint8Array.of(nth), created }));
  };

  const first = objects();
  const [one] = await Promise.all([first.encapsulate(connection, publicKey, REQUEST), made(0)]);
  assert.deepEqual(one.ciphertext, Uint8Array.of(0));
  assert.deepEqual(
    await first.encapsulate(connection, publicKey, REQUEST),
    one,
    'the same as long as it is remembered',
  );

  const second = objects();
  const other = { ...REQUEST, attributes: [{ ...LABEL, value: Uint8Array.of(0x62) }] };
  await assert.rejects(second.encapsulate(connection, publicKey, other), { status: HalStatus.KEY_NAME_IN_USE });
  const again = second.encapsulate(connection, publicKey, REQUEST);
  const deleted = await run.request('KEY_DELETE');
  assert.deepEqual(decodeArgs('KEY_DELETE', deleted.message).keys, [uuid(0x30)]);
  run.send(encodeReply('KEY_DELETE', deleted.client, {}));
  await made(1);
  assert.deepEqual((await again).ciphertext, Uint8Array.of(1));
  assert.deepEqual([...keys.get(one.key.id)!.copies.values()], [uuid(0x31)]);
});
