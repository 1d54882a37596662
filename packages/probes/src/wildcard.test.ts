import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patternListMatches, wildcardMatches } from './wildcard.ts';

test('wildcards', () => {
  for (const [pattern, text, expected] of [
    ['*', '', true],
    ['a*c', 'abc', true],
    ['a*c', 'abcd', false],
    ['?', '', false],
    ['a?', 'ab', true],
    ['*.conf', 'x.conf', true],
    ['*.conf', 'x.conf~', false],
    ['*a*b', 'xaxaxb', true],
  ] as const)
    assert.equal(wildcardMatches(pattern, text), expected, `${pattern} ${text}`);
});

test('a pattern that backtracks takes no more than its share', () => {
  assert.equal(wildcardMatches(`${'*a'.repeat(2000)}b`, 'a'.repeat(4000)), false);
});

test('pattern lists: a negated match excludes', () => {
  assert.equal(patternListMatches('ada,b*', 'bob'), true);
  assert.equal(patternListMatches('*,!root', 'root'), false);
  assert.equal(patternListMatches('!root', 'ada'), false);
});
