/** The last line of defence for those who are served. */

import { type Log } from '#src/audit/log.ts';

/**
 * Logs exceptions and rejections that nobody caught, and lets the process go on. A fault that one client's bytes bring to light
 * must not end the service of all others; what it leaves half done is that client's own. Keys and policy are not at stake: devices
 * are processes of their own, and end with a bug of theirs.
 */
export function surviveBugs(log: Log): void {
  process.on('uncaughtException', (error: unknown) => {
    log.error(`bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  });
}
