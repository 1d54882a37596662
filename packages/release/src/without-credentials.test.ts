import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hideCredentials, withoutCredentials } from './without-credentials.ts';

test('user, password and parameters of an address are not shown', () => {
  for (const [url, shown] of [
    ['https://ci:p@ss@forge.example/fleet.git', 'https://forge.example/fleet.git'],
    ['https://token@forge.example/fleet.git?access_token=t', 'https://forge.example/fleet.git'],
    ['s3://cache?secret-key=/keys/cache&profile=ci', 's3://cache'],
    ['file:///srv/cache?secret-key=/keys/cache', 'file:///srv/cache'],
    ['git@forge.example:fleet.git', 'git@forge.example:fleet.git'],
    ['/srv/a?b@c', '/srv/a?b@c'],
  ] as const) {
    assert.equal(withoutCredentials(url), shown);
  }
});

test('nor where a program repeats the address, whole or in part', () => {
  const url = 'https://ci:hunter2@cache.example?secret-key=/keys/cache&compression=none';
  const text = `error: ${url}: refused; https://ci:hunter2@cache.example/nar: 403; secret-key=/keys/cache is unreadable`;
  const hidden = hideCredentials(text, url);
  assert.doesNotMatch(hidden, /hunter2|\/keys/);
  assert.match(hidden, /https:\/\/cache\.example: refused/);
  assert.equal(hideCredentials('nothing to hide', 'file:///srv/cache'), 'nothing to hide');
});
