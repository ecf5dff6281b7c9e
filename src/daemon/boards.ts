/** The boards of the command line, which share one file with the names of their keys. */

import { join } from 'node:path';
import { type Log } from '#src/audit/log.ts';
import { Board } from '#src/board/board.ts';
import { KeyNames } from '#src/board/key-names.ts';
import { openSerialPort } from '#src/board/serial-port.ts';
import { type DaemonOptions } from './options.ts';

/** @throws ConfigError if the file of the names cannot be read */
export async function openBoards(
  { state, serialPorts }: Pick<DaemonOptions, 'state' | 'serialPorts'>,
  log: Log,
): Promise<Board[]> {
  if (serialPorts.length === 0) return [];
  const names = await KeyNames.open(join(state, 'board-key-names.json'));
  if (names.problem !== undefined) log.warn(names.problem);
  return serialPorts.map(
    (path) => new Board({ name: path, names, log: log.child('board'), openPort: () => openSerialPort(path) }),
  );
}
