import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listMax, parseArguments, valueCharactersMax } from './arguments.ts';

const specs = {
  file: { kind: 'text', what: 'a file' },
  level: { kind: 'text', what: 'a level', default: 'low', oneOf: ['low', 'high'] },
  maxDays: { kind: 'number', what: 'days', default: null },
  user: { kind: 'list', what: 'users' },
  isStrict: { kind: 'switch', what: 'strict' },
} as const;

test('values, defaults, lists and switches', () => {
  assert.deepEqual(parseArguments(specs, ['--file', '/a', '--user', 'ada', '--max-days', '30', '--user', '--x']), {
    file: '/a',
    level: 'low',
    maxDays: 30,
    user: ['ada', '--x'],
    isStrict: false,
  });
  assert.equal(parseArguments(specs, ['--file', '', '--is-strict']).isStrict, true);
});

const wrong: readonly (readonly string[])[] = [
  [],
  ['--file'],
  ['--file', '/a', '--other', 'x'],
  ['--file', '/a', '--file', '/b'],
  ['--file', '/a', '--level', 'middle'],
  ['--file', '/a', '--max-days', '-1'],
  ['--file', '/a', '--max-days', '1e3'],
  ['--file', '/a', '--max-days', '9'.repeat(16)],
  ['--file', 'x'.repeat(valueCharactersMax + 1)],
  ['--file', '/a', '--__proto__', 'x'],
  ['--file', '/a', ...Array.from({ length: listMax + 1 }, () => ['--user', 'x']).flat()],
];
for (const argv of wrong)
  test(`refused: ${argv.join(' ').slice(0, 60)}`, () => {
    assert.throws(() => parseArguments(specs, argv), { code: 'bad-arguments' });
  });
