/** The self test: every family of algorithms gives its known answer. */

import { SYMMETRIC_ANSWERS, type KnownAnswer } from './known-answers.ts';
import { KEY_ANSWERS } from './known-key-answers.ts';

export interface SelfTestResult {
  readonly name: string;
  readonly passed: boolean;
}

export const KNOWN_ANSWERS: readonly KnownAnswer[] = [...SYMMETRIC_ANSWERS, ...KEY_ANSWERS];

/**
 * Computes all known answers at once; never throws. A process in which one did not pass must not use its keys.
 * @param answers other ones than {@link KNOWN_ANSWERS}, by which a test sees that a broken answer is noticed
 */
export async function selfTest(answers: readonly KnownAnswer[] = KNOWN_ANSWERS): Promise<SelfTestResult[]> {
  return Promise.all(answers.map(async (answer) => ({ name: answer.name, passed: await passes(answer) })));
}

async function passes({ compute, expected }: KnownAnswer): Promise<boolean> {
  try {
    return Buffer.from(await compute()).toString('hex') === expected;
  } catch {
    return false;
  }
}
