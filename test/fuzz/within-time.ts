/** No request of a fuzzer may keep anybody waiting. */

import { Bug } from '#src/wire/status.ts';

/** Milliseconds; on a busy machine a PIN check takes seconds. */
const LONGEST = 60_000;

/** Fails with a description if a promise does not settle. */
export async function withinTime<T>(promise: Promise<T>, describe: () => string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Bug(`no answer within ${LONGEST} ms:\n${describe()}`)), LONGEST);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
