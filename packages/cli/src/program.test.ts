import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { commands } from './catalog.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import { optionText } from './command-definition.ts';
import { parseCommandLine } from './program.ts';
import { noPaint } from './render/paint.ts';

function parse(...argv: string[]) {
  const said: { result: string[]; talk: string[] } = { result: [], talk: [] };
  const context: CommandContext = {
    terminal: {
      result: (text) => void said.result.push(text),
      talk: (text) => void said.talk.push(text),
      raw() {},
      paint: noPaint,
      columns: null,
      rows: null,
    },
    environment: {},
    workingDirectory: '/',
    clock: systemClock,
    signal: new AbortController().signal,
  };
  return { outcome: parseCommandLine(argv, context), said };
}

function invocation(...argv: string[]) {
  const { outcome } = parse(...argv);
  assert.ok(typeof outcome === 'object');
  return outcome;
}

test('words, arguments and options reach the one command that declares them', () => {
  const { definition, values } = invocation('rollout', 'show', '3f2a', '--json', '--pin', 'a', '--pin', 'b');
  assert.equal(definition.name, 'rollout show');
  assert.equal(values.argument('rollout'), '3f2a');
  assert.equal(values.flag('json'), true);
  assert.deepEqual(values.list('pin'), ['a', 'b']);
  assert.equal(values.text('trust'), undefined);
});

test('an option after a command is that command’s, though its first word is a command with the same option', () => {
  const { definition, values } = invocation(
    'release',
    'assemble',
    '--build',
    'b.json',
    '--cache',
    'https://c',
    '--json',
  );
  assert.equal(definition.name, 'release assemble');
  assert.equal(values.text('cache'), 'https://c');
  assert.deepEqual(values.list('build'), ['b.json']);
  assert.equal(values.flag('json'), true);
  assert.equal(invocation('release', '--cache', 'https://d').values.text('cache'), 'https://d');
});

test('asking for what a definition does not declare is a bug', () => {
  const { values } = invocation('why', 'web-1');
  assert.throws(() => values.text('nonsense'), TypeError);
  assert.throws(() => values.text('json'), TypeError);
  assert.throws(() => values.flag('trust'), TypeError);
  assert.throws(() => values.argument('rollout'), TypeError);
});

test('every command explains itself, with examples', () => {
  for (const { name, summary, examples, options = [] } of commands) {
    const { outcome, said } = parse(...name.split(' '), '--help');
    assert.equal(outcome, 0);
    const [help = ''] = said.result;
    const text = said.result.join('\n');
    assert.ok(help.startsWith(`Usage: nixfleet ${name}`), name);
    const unwrapped = text.replaceAll(/\s+/g, ' ');
    assert.ok(unwrapped.includes(summary), name);
    for (const { line } of examples) assert.ok(text.includes(line), name);
    for (const option of options) assert.ok(unwrapped.includes(`${option.flags} ${optionText(option)}`), option.flags);
  }
});

test('what fits no definition is a usage error of one line that names the help', () => {
  const cases: [string[], RegExp][] = [
    [['statsu'], /^unknown command 'statsu' \(Did you mean status\?\): see nixfleet --help$/],
    [['status', '--jsn'], /^unknown option '--jsn' \(Did you mean --json\?\): see nixfleet status --help$/],
    [['why'], /^missing required argument 'host': see nixfleet why --help$/],
    [['why', 'a', 'b'], /^too many arguments.*: see nixfleet why --help$/],
    [['rollout', 'lst'], /^unknown command 'lst' \(Did you mean list\?\): see nixfleet rollout --help$/],
    [['status', '--trust'], /argument missing: see nixfleet status --help$/],
  ];
  for (const [argv, message] of cases) {
    assert.throws(
      () => parse(...argv),
      (error) => {
        assert.ok(error instanceof CliError);
        assert.equal(error.code, 'usage');
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('no command, or half of one, prints help on standard error and is a usage error', () => {
  for (const argv of [[], ['rollout']]) {
    const { outcome, said } = parse(...argv);
    assert.equal(outcome, 2);
    assert.deepEqual(said.result, []);
    assert.match(said.talk.join('\n'), /^Usage: nixfleet/);
  }
});
