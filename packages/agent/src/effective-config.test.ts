import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { isTrustedUrl, parseEffectiveConfig } from './effective-config.ts';

/** One setting as each version prints it. Recorded or, where there is no such Nix here, written after its source. */
const shapes = {
  '2.8': (value: unknown, defaultValue: unknown) => ({
    aliases: [],
    defaultValue,
    description: 'text',
    documentDefault: true,
    value,
  }),
  '2.14 and newer, Lix': (value: unknown, defaultValue: unknown) => ({
    aliases: [],
    defaultValue,
    description: 'text',
    documentDefault: true,
    experimentalFeature: null,
    value,
  }),
} as const;

const cache = 'https://cache.example.org';

for (const [version, setting] of Object.entries(shapes)) {
  const shown = (change: Readonly<Record<string, unknown>> = {}): string =>
    JSON.stringify({
      cores: setting(0, 2),
      'experimental-features': setting(['flakes', 'nix-command'], []),
      'require-sigs': setting(true, true),
      substituters: setting([`${cache}/`], ['https://cache.nixos.org/']),
      'trusted-users': setting(['root', '@wheel'], ['root']),
      ...change,
    });
  describe(`settings of Nix ${version}`, () => {
    test('safe ones', () => {
      assert.deepEqual(parseEffectiveConfig(shown()), {
        requireSigs: true,
        trustedSubstituters: [],
        trustedUsers: ['root', '@wheel'],
      });
      assert.equal(parseEffectiveConfig(shown({ 'trusted-users': undefined }))?.trustedUsers, null);
    });

    test('signatures that are not checked are seen, for all or for one cache', () => {
      assert.equal(parseEffectiveConfig(shown({ 'require-sigs': setting(false, true) }))?.requireSigs, false);
      const substituters = setting([cache, `${cache}?priority=1&trusted=1`, `${cache}?trusted=false`], []);
      assert.deepEqual(parseEffectiveConfig(shown({ substituters }))?.trustedSubstituters, [
        `${cache}?priority=1&trusted=1`,
      ]);
    });

    test('substituters as objects', () => {
      const reference = { scheme: 'https', authority: 'cache.example.org' };
      const one = (more: object) =>
        parseEffectiveConfig(shown({ substituters: setting([{ ...reference, ...more }], []) }));
      assert.deepEqual(one({})?.trustedSubstituters, []);
      assert.deepEqual(one({ trusted: 'false', priority: '1' })?.trustedSubstituters, []);
      for (const trusted of ['true', '1', true, 'TRUE', 'anything']) {
        assert.deepEqual(one({ trusted })?.trustedSubstituters, [cache], String(trusted));
      }
    });

    test('what is not understood is not taken for safe', () => {
      for (const text of [
        '',
        'warning: unknown setting',
        '{}',
        '[]',
        shown({ 'require-sigs': undefined }),
        shown({ 'require-sigs': { ...setting(true, true), value: 'true' } }),
        shown({ 'require-sigs': true }),
        shown({ substituters: setting(cache, []) }),
        shown({ substituters: setting([1], []) }),
        shown({ 'trusted-users': setting('root', []) }),
      ]) {
        assert.equal(parseEffectiveConfig(text), null, text.slice(0, 60));
      }
    });
  });
}

test('what the Nix of this machine prints', () => {
  const features = ['--extra-experimental-features', 'nix-command'];
  const print = (...command: string[]) =>
    execFileSync('nix', [...features, ...command, '--json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        PATH: process.env.PATH ?? '',
        HOME: '/homeless',
        NIX_CONFIG: `substituters = ${cache}?trusted=1 ${cache}`,
      },
    });
  let text: string;
  try {
    text = print('config', 'show');
  } catch {
    text = print('show-config');
  }
  const parsed = parseEffectiveConfig(text);
  assert.equal(parsed?.requireSigs, true);
  assert.deepEqual(parsed?.trustedSubstituters, [`${cache}?trusted=1`]);
});

test('which URLs say that signatures are not checked', () => {
  for (const url of [`${cache}?trusted=1`, `${cache}?a=b&trusted=true`, `${cache}?trusted=`])
    assert.ok(isTrustedUrl(url), url);
  for (const url of [cache, `${cache}?trusted=0`, `${cache}?trusted=false`, `${cache}/trusted=1`]) {
    assert.ok(!isTrustedUrl(url), url);
  }
});
