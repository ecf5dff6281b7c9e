/** Errors that are told to a person: what is wrong, where, and what to do about it. */

/** A file or folder of the configuration is unusable. The message begins with its path. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly path: string;

  /** @param problem what is wrong and what to do; never holds secrets */
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path}: ${problem}`, options);
    this.path = path;
  }
}

/** Something the operator asked for cannot be done; the message is shown as it is. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError';
}

/** Plain words for the errors of the file system that an administrator can do something about. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'is a folder, not a file',
  EEXIST: 'exists already',
  EMFILE: 'too many open files',
};

/** Describes a failed file operation in plain words; `error` may be anything that was thrown. */
export function systemErrorText(error: unknown): string {
  const code = systemErrorCode(error);
  if (code !== undefined && SYSTEM_ERRORS[code] !== undefined) return SYSTEM_ERRORS[code];
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system error, e.g. `ENOENT`. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
