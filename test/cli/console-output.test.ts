import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConsoleOutput, refusalOf } from '#src/cli/console-output.ts';

/** Feeds pieces; gives texts and the kinds of codes in order, neighbouring texts joined. */
function run(...pieces: string[]): string {
  const output = new ConsoleOutput();
  return pieces
    .flatMap((piece) => output.feed(Buffer.from(piece, 'latin1')))
    .map((event) => (event.kind === 'text' ? Buffer.from(event.bytes).toString('latin1') : `{${event.kind}}`))
    .join('');
}

const UPDATE = '\x11\x12\x13\x14:RECV:/home/admin/u.tar.gz.signed\r';
const EXPORT = '\x11\x12\x13\x17:SEND:{/tmp/x}{123}\r';

describe('output of the HSM', () => {
  it('passes text', () => {
    assert.equal(run('\r\nab\x1b[2J', 'c\x08 é'), '\r\nab\x1b[2Jc\x08 é');
  });

  it('finds codes in both path forms, within text', () => {
    assert.equal(run(`a${UPDATE}b${EXPORT}c`), 'a{receive}b{send}c');
    assert.equal(run('\x11\x12\x13\x14:RECV:{/x}\r'), '{receive}');
  });

  it('finds codes that are cut at any place', () => {
    for (let cut = 1; cut < UPDATE.length; cut++) {
      assert.equal(run(`a${UPDATE.slice(0, cut)}`, `${UPDATE.slice(cut)}b`), 'a{receive}b', `${cut}`);
    }
    assert.equal(run(...`x${EXPORT}y`.split('')), 'x{send}y');
  });

  it('drops NUL and lone code bytes', () => {
    assert.equal(run('a\x00b\x11c\x11', 'd\x11\x11\x12\x13\x14:RECV:x\r'), 'abcd{receive}');
  });

  it('does not believe unknown or endless codes', () => {
    assert.equal(run('\x11\x12\x13\x20:RECV:x\ra'), '{unknown-code}a');
    assert.equal(run('\x11\x12hello\ra'), '{unknown-code}a');
    assert.match(run(`\x11\x12${'x'.repeat(5000)}`), /^\{unknown-code\}x{3976}$/);
  });

  it('refuses transfers in the form the HSM expects', () => {
    assert.equal(refusalOf('receive'), '0\r0000000');
    assert.equal(refusalOf('receive').length, 9);
    assert.match(refusalOf('send'), /^FAILED: /);
  });
});
