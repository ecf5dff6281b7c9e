import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { usageLines } from '#src/console/command.ts';
import { COMMANDS } from '#src/console/command-table.ts';
import { holdsSecret, parseCommand } from '#src/console/parse-command.ts';

function parse(line: string): string {
  const parsed = parseCommand(COMMANDS, line.split(' '));
  if (parsed.kind === 'command') return `${parsed.command.words.join(' ')}|${parsed.args.join(',')}`;
  if (parsed.kind === 'usage') return `usage: ${parsed.commands.map(({ words }) => words.join(' ')).join(', ')}`;
  return parsed.kind;
}

describe('command grammar', () => {
  it('finds commands in any case and by their other names', () => {
    assert.equal(parse('show version'), 'show version|');
    assert.equal(parse('SHOW Version'), 'show version|');
    assert.equal(parse('shutdown yesiamsure'), 'shutdown YesIAmSure|');
    assert.equal(parse('reboot YesIAmSure'), 'shutdown restart YesIAmSure|');
    assert.equal(parse('set pin USER 12Ab'), 'set pin|USER,12Ab');
    assert.equal(parse('masterkey set'), 'masterkey set|');
  });

  it('tells unknown from incomplete', () => {
    assert.equal(parse('frobnicate'), 'unknown');
    assert.match(parse('show'), /^usage: show devices, show ipaddr, /);
    assert.match(parse('show nothing'), /^usage: show devices, /);
    assert.equal(parse('shutdown'), 'usage: shutdown YesIAmSure, shutdown restart YesIAmSure');
    assert.equal(parse('shutdown restart'), 'usage: shutdown restart YesIAmSure');
    assert.equal(parse('set pin'), 'usage: set pin');
    assert.equal(parse('set pin user 1 2'), 'usage: set pin');
    assert.equal(parse('show version now'), 'usage: show version');
  });

  it('recognises lines with secrets, also wrong ones', () => {
    const isSecret = (line: string): boolean => holdsSecret(COMMANDS, line.split(' '));
    for (const line of ['set pin user 1234', 'SET PIN usr 1234', 'set pin user 12 34', 'masterkey set 00']) {
      assert.equal(isSecret(line), true, line);
    }
    for (const line of ['set pin user', 'masterkey set', 'show version', 'x'])
      assert.equal(isSecret(line), false, line);
  });

  it('shows usage in two columns, sorted', () => {
    const lines = usageLines(COMMANDS);
    assert.deepEqual(lines, [...lines].sort());
    assert.ok(lines.includes(` list keys                                 List key identifiers per device.`));
    for (const line of lines) assert.match(line, /^ \S.{39} {2}.*\S$/);
  });
});
