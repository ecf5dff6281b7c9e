import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Keyboard } from '#src/cli/keyboard.ts';

function keys(...pieces: string[]): string[] {
  const keyboard = new Keyboard(() => 0);
  return pieces
    .flatMap((piece) => keyboard.feed(Buffer.from(piece)))
    .map((key) => (key === 'quit' ? 'quit' : Buffer.from(key).toString()));
}

describe('keyboard', () => {
  it('gives one key per character', () => {
    assert.deepEqual(keys('ab\x7f\x15\x11'), ['a', 'b', '\x7f', '\x15', '\x11']);
    assert.deepEqual(keys('é€😀x'), ['é', '€', '😀', 'x']);
  });

  it('sends the Enter key as CR', () => {
    assert.deepEqual(keys('a\rb\n'), ['a', '\r', 'b', '\r']);
  });

  it('keeps Up and Down together, in both forms and cut', () => {
    assert.deepEqual(keys('\x1b[A\x1b[B'), ['\x1b[A', '\x1b[B']);
    assert.deepEqual(keys('\x1bOA\x1bOB'), ['\x1b[A', '\x1b[B']);
    assert.deepEqual(keys('\x1b', '[', 'A'), ['\x1b[A']);
  });

  it('swallows other escape sequences', () => {
    assert.deepEqual(keys('a\x1b[Cb\x1b[3~c\x1b[1;5Ad\x1bOPe\x1bxf'), ['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('leaves with Ctrl-C and Ctrl-]', () => {
    assert.deepEqual(keys('a\x03', '\x1d', '\x1b\x03'), ['a', 'quit', 'quit', 'quit']);
  });

  it('forgets a lone Esc after 50 ms', () => {
    let now = 0;
    const keyboard = new Keyboard(() => now);
    assert.deepEqual(keyboard.feed(Buffer.from('\x1b')), []);
    now = 60;
    assert.deepEqual(keyboard.feed(Buffer.from('a')), [Uint8Array.of(0x61)]);
  });
});
