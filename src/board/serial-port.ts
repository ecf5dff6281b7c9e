/**
 * A serial line as a byte stream, without a package of its own: `stty` sets the line, and node's terminal streams read and
 * write it. The device's ports run at 921600 baud, 8 data bits, no parity, 1 stop bit, without flow control.
 */

import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { type Duplex } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import { promisify } from 'node:util';
import { HalError } from '#src/wire/status.ts';

const BAUD = '921600';
/** `raw` also takes every byte as it comes; `clocal` does not wait for a modem; no byte is sent back as an echo. */
const LINE = [BAUD, 'raw', '-echo', 'cs8', '-parenb', '-cstopb', '-crtscts', 'clocal', '-hupcl'];

/**
 * Opens a serial line in raw mode.
 * @throws HalError IO_SETUP_FAILED saying what to do
 */
export async function openSerialPort(path: string): Promise<Duplex> {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch (error) {
    throw new HalError('IO_SETUP_FAILED', `${path} cannot be opened (${codeOf(error)})${hint(codeOf(error))}`);
  }
  try {
    if (!isatty(descriptor)) throw new HalError('IO_SETUP_FAILED', `${path} is not a serial port`);
    await promisify(execFile)('stty', ['-F', path, ...LINE]);
    return new ReadStream(descriptor);
  } catch (error) {
    closeSync(descriptor);
    if (error instanceof HalError) throw error;
    throw new HalError('IO_SETUP_FAILED', `stty cannot set ${path} to ${BAUD} baud (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' || typeof code === 'number' ? String(code) : 'unknown reason';
}

function hint(code: string): string {
  if (code === 'EACCES') return ': the user of the appliance must be in the group that owns the port, usually dialout';
  return code === 'ENOENT' ? ': the board is not plugged in, or has another name' : '';
}
