import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSerialPort } from '#src/board/serial-port.ts';
import { readOptions } from '#src/daemon/options.ts';

test('a port that is missing, and a file that is no port, are refused with what to do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dks-no-port-'));
  try {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await assert.rejects(
      openSerialPort(join(folder, 'ttyUSB9')),
      /ttyUSB9 cannot be opened \(ENOENT\).*not plugged in/,
    );
    await assert.rejects(openSerialPort(file), /is not a serial port/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('boards take the place of the emulated devices, unless both are asked for', () => {
  const options = (...args: string[]) => {
    const read = readOptions(args);
    return read === 'help' ? read : [read.devices, read.serialPorts];
  };
  assert.deepEqual(options(), [2, []]);
  assert.deepEqual(options('--device', 'serial:/dev/ttyUSB0'), [0, ['/dev/ttyUSB0']]);
  assert.deepEqual(options('--device', 'serial:/dev/ttyUSB0', '--device', 'serial:/dev/ttyUSB2', '--devices', '1'), [
    1,
    ['/dev/ttyUSB0', '/dev/ttyUSB2'],
  ]);
  assert.throws(() => options('--devices', '0'), /--devices takes a number from 1 to 16/);
  assert.throws(() => options('--device', '/dev/ttyUSB0'), /--device takes serial:PATH/);
  assert.throws(() => options('--device', 'serial:ttyUSB0'), /with a full path/);
  assert.throws(() => options('--device', 'serial:/dev/a', '--device', 'serial:/dev/a'), /twice/);
});
