import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog } from '#src/audit/log.ts';
import { Board } from '#src/board/board.ts';
import { KeyNames } from '#src/board/key-names.ts';
import { Curve, KeyFlags, KeyType, MasterKeyState } from '#src/wire/enumerations.ts';
import { type FleetUnderTest, randomName, startFleet, userConnection } from '../fleet/start-fleet.ts';
import { BoardUnderTest } from './board-under-test.ts';

let board: BoardUnderTest;
let tested: FleetUnderTest;

before(async () => {
  board = await BoardUnderTest.start();
  const names = await KeyNames.open(join(board.folder, 'names.json'));
  const openPort = () => Promise.resolve(board.plugIn());
  // The master key that this sets is that of the emulated device; the board keeps its own.
  tested = await startFleet({ devices: 1, boards: [new Board({ name: 'board', names, log: silentLog, openPort })] });
});
after(async () => {
  await tested.stop();
  await board.stop();
});

test('an emulated device and a board serve together: new keys go to both, Edwards keys to the device that has them', async () => {
  const { fleet } = tested;
  assert.deepEqual(await fleet.masterKeyStates(), [MasterKeyState.SET, MasterKeyState.SET]);
  const user = await userConnection(fleet);
  const create = (type: KeyType, curve: Curve) =>
    fleet.createPair(user, {
      session: 0,
      name: randomName(),
      publicName: randomName(),
      type,
      curve,
      bits: 256,
      exponent: new Uint8Array(0),
      flags: KeyFlags.TOKEN | KeyFlags.DIGITALSIGNATURE,
      publicFlags: KeyFlags.TOKEN | KeyFlags.DIGITALSIGNATURE,
      attributes: [],
      publicAttributes: [],
    });
  const devices = async (type: KeyType, curve: Curve): Promise<Set<number>> => {
    const pairs = [];
    for (let i = 0; i < 4; i++) pairs.push(await create(type, curve));
    return new Set(pairs.flatMap(({ privateKey }) => [...privateKey.copies.keys()]));
  };
  assert.deepEqual(await devices(KeyType.EC_PRIVATE, Curve.P256), new Set([0, 1]));
  assert.deepEqual(await devices(KeyType.ED_PRIVATE, Curve.ED25519), new Set([0]));
  assert.deepEqual(board.faults, []);
});
