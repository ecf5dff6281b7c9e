/** The prompt for the PIN, on a pseudo-terminal. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { buildTools, pathOf, softHsmToken, type Token } from './tools.ts';

interface Seen {
  readonly shown: string;
  readonly echoAtPrompt: boolean;
  readonly echoAfter: boolean;
  /** Exit status, or the negative number of a signal. */
  readonly status: number;
}

describe('the prompt for the PIN', () => {
  let token: Token;
  before(() => {
    buildTools();
    token = softHsmToken();
  });
  after(() => token.stop());

  const answer = (typed: string): Seen => {
    const args = [typed, pathOf('list'), '-m', token.module, '-s', token.slot];
    const said = execFileSync('python3', [join(import.meta.dirname, 'terminal.py'), ...args], {
      env: { ...process.env, ...token.env },
      encoding: 'utf8',
      timeout: 60_000,
    });
    return JSON.parse(said) as Seen;
  };

  it('does not show what is typed', () => {
    const seen = answer('1234\\n');
    assert.deepEqual(seen, {
      shown: `slot ${token.slot}\r\nEnter Pin: \r\n`,
      echoAtPrompt: false,
      echoAfter: true,
      status: 0,
    });
  });

  it('a wrong PIN is refused', () => {
    const { shown, status } = answer('4321\\n');
    assert.match(shown, /CKR_PIN_INCORRECT/);
    assert.doesNotMatch(shown, /4321/);
    assert.equal(status, 1);
  });

  it('an empty one too, and the end of input', () => {
    for (const typed of ['\\n', '\\x04']) {
      const { shown, status } = answer(typed);
      assert.match(shown, /The PIN is empty/);
      assert.equal(status, 1);
    }
  });

  it('Ctrl-C ends the tool, and the terminal echoes again', () => {
    const { echoAfter, status } = answer('12\\x03');
    assert.deepEqual({ echoAfter, status }, { echoAfter: true, status: -2 });
  });
});
