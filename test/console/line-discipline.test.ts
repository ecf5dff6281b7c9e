import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LineDiscipline } from '#src/console/line-discipline.ts';

const VISIBLE = { hidden: false, history: true };
const HIDDEN = { hidden: true, history: false };

/** Feeds bytes in the given pieces and returns the echo and all lines, as latin1 text. */
function run(pieces: readonly (string | Uint8Array)[], mode = VISIBLE, discipline = new LineDiscipline(() => 0)) {
  const lines: string[] = [];
  let echo = '';
  discipline.begin(mode);
  for (const piece of pieces) {
    let rest: Uint8Array = Buffer.from(piece as string, 'latin1');
    while (rest.length > 0) {
      const fed = discipline.feed(rest);
      echo += Buffer.from(fed.echo).toString('latin1');
      rest = rest.subarray(fed.consumed);
      if (fed.line === undefined) break;
      lines.push(Buffer.from(fed.line).toString('latin1'));
      discipline.begin(mode);
    }
  }
  return { echo, lines };
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

describe('line discipline', () => {
  it('echoes printable bytes and the line end', () => {
    assert.deepEqual(run(['ab\r']), { echo: 'ab\r\n', lines: ['ab'] });
  });

  it('echoes only the line feed of a hidden line', () => {
    assert.deepEqual(run(['a\x7fbc\r'], HIDDEN), { echo: '\n', lines: ['bc'] });
  });

  it('removes the last byte with DEL and BS and nothing beyond the beginning', () => {
    assert.deepEqual(run(['ab\x08\x7f\x7fc\r']), { echo: 'ab\b \b\b \bc\r\n', lines: ['c'] });
  });

  it('removes a UTF-8 character as a whole', () => {
    assert.deepEqual(run([utf8('aé€😀'), '\x7f\x7f\x7fb\r']), {
      echo: `${utf8('aé€😀')}\b \b\b \b\b \bb\r\n`,
      lines: ['ab'],
    });
  });

  it('clears the line with Ctrl-U', () => {
    assert.deepEqual(run(['abc\x15d\r']), { echo: 'abc\b \b\b \b\b \bd\r\n', lines: ['d'] });
  });

  it('stores a tab as one blank and drops all other control characters', () => {
    const controls = Array.from({ length: 32 }, (_, code) => code).filter(
      (code) => ![0x08, 0x09, 0x0d, 0x15, 0x1b].includes(code),
    );
    assert.deepEqual(run(['a\tb', Uint8Array.from(controls), 'c\r']), { echo: 'a bc\r\n', lines: ['a bc'] });
  });

  it('swallows control sequences, also long and cut ones', () => {
    assert.deepEqual(run(['a\x1b[3', '~b\x1b[1;5Cc\x1b[C', '\x1b', '[', 'D', 'd\r']), {
      echo: 'abcd\r\n',
      lines: ['abcd'],
    });
  });

  it('drops the byte behind Esc', () => {
    assert.deepEqual(run(['a\x1bxb\r']), { echo: 'ab\r\n', lines: ['ab'] });
  });

  it('never loses a line end in a broken sequence', () => {
    assert.deepEqual(run(['a\x1b[\rb\x1b\r']).lines, ['a', 'b']);
  });

  it('forgets a lone Esc after 50 ms', () => {
    let now = 0;
    const discipline = new LineDiscipline(() => now);
    discipline.begin(VISIBLE);
    discipline.feed(Buffer.from('\x1b'));
    now = 51;
    assert.equal(Buffer.from(discipline.feed(Buffer.from('[A')).echo).toString(), '[A');
  });

  it('walks through the history', () => {
    const discipline = new LineDiscipline(() => 0);
    discipline.remember(Buffer.from('one'));
    discipline.remember(Buffer.from('two'));
    const up = '\x1b[A';
    const down = '\x1b[B';
    assert.deepEqual(run([`x${up}${up}${up}\r`], VISIBLE, discipline), {
      echo: 'x\b \btwo\b \b\b \b\b \bone\r\n',
      lines: ['one'],
    });
    assert.deepEqual(run([`${up}${up}${down}\r`, `${up}${down}new\r`, `${down}\r`], VISIBLE, discipline).lines, [
      'two',
      'new',
      '',
    ]);
    assert.deepEqual(run([`${up}\r`], { hidden: false, history: false }, discipline).lines, ['']);
  });

  it('keeps 100 commands', () => {
    const discipline = new LineDiscipline(() => 0);
    for (let i = 0; i < 150; i++) discipline.remember(Buffer.from(`command ${i}`));
    assert.deepEqual(run([`${'\x1b[A'.repeat(120)}\r`], VISIBLE, discipline).lines, ['command 50']);
  });

  it('gives the same lines and echo however the bytes are cut', () => {
    const key = fc.constantFrom(
      'a',
      'b',
      ' ',
      '\r',
      '\x7f',
      '\x15',
      '\t',
      '\x11',
      '\x1b[A',
      '\x1b[3~',
      '\x1bO',
      utf8('é'),
    );
    fc.assert(
      fc.property(
        fc.array(key, { maxLength: 60 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
        (keys, sizes) => {
          const bytes = keys.join('');
          const pieces: string[] = [];
          for (let at = 0; at < bytes.length;) {
            const size = sizes.next().value as number;
            pieces.push(bytes.slice(at, at + size));
            at += size;
          }
          assert.deepEqual(run(pieces), run([bytes]));
        },
      ),
    );
  });
});
