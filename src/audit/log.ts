/** The appliance's log file: `YYYY-MM-DD HH:MM:SS <logger>[<pid>]:<LEVEL>: <message>`, rotated at 5 MiB, five old files kept. */

import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const ROTATE_BYTES = 5 * 1024 * 1024;
const OLD_FILES = 5;
const LEVELS = { error: 40, warn: 30, info: 20, debug: 10 } as const;

export type LogLevel = keyof typeof LEVELS;

/** Where a part of the appliance reports what happens. Messages never hold PINs, keys or other secrets. */
export interface Log {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  /** A log whose lines carry the logger name `name`. */
  child(name: string): Log;
}

/** Takes finished lines, each with its line end. */
export type LogSink = (line: string, level: LogLevel) => void;

/** A log that writes lines of at least `level` to a sink. */
export function createLog(name: string, sink: LogSink, level: LogLevel = 'info'): Log {
  const write = (lineLevel: LogLevel, message: string): void => {
    if (LEVELS[lineLevel] >= LEVELS[level]) sink(formatLine(name, lineLevel, message), lineLevel);
  };
  return {
    error: (message) => write('error', message),
    warn: (message) => write('warn', message),
    info: (message) => write('info', message),
    debug: (message) => write('debug', message),
    child: (childName) => createLog(childName, sink, level),
  };
}

/** A log that forgets everything. */
export const silentLog: Log = createLog('silent', () => {});

export interface LogFileOptions {
  /** Name of the first logger. */
  readonly name?: string;
  readonly level?: LogLevel;
  /** Also written to standard error. */
  readonly echo?: boolean;
}

/**
 * Opens a log file for appending (mode 0600).
 * @throws the system's error if the file cannot be opened; later write errors (a full disk) only lose lines
 */
export function openLog(file: string, options: LogFileOptions = {}): Log {
  let descriptor = openSync(file, 'a', 0o600);
  let size = fstatSync(descriptor).size;
  const sink: LogSink = (line) => {
    if (options.echo) process.stderr.write(line);
    try {
      if (size >= ROTATE_BYTES) {
        closeSync(descriptor);
        rotate(file);
        descriptor = openSync(file, 'a', 0o600);
        size = fstatSync(descriptor).size;
      }
      size += writeSync(descriptor, line);
    } catch {
      // The appliance goes on signing when its log cannot be written.
    }
  };
  return createLog(options.name ?? 'dks-hsmd', sink, options.level);
}

function rotate(file: string): void {
  for (let number = OLD_FILES - 1; number >= 0; number--) {
    try {
      renameSync(number === 0 ? file : `${file}.${number}`, `${file}.${number + 1}`);
    } catch {
      // Fewer old files exist than are kept.
    }
  }
}

function formatLine(name: string, level: LogLevel, message: string): string {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  // One event is one line, whatever a peer managed to get into the message.
  const text = message.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ');
  return `${date} ${time} ${name}[${process.pid}]:${level.toUpperCase()}: ${text}\n`;
}
