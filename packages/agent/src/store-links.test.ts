import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { readChecks } from './host-probes.ts';
import { locateInStore } from './store-links.ts';

const root = mkdtempSync(join(tmpdir(), 'nixfleet-links-'));
after(() => rmSync(root, { recursive: true }));
const host = { locate: (path: string): string => (path.startsWith('/nix/store/') ? join(root, path) : path) };

function file(path: string, text = '{}'): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

file('/nix/store/a-etc/etc/static/checks.json');
link('/nix/store/b-system/etc', '/nix/store/a-etc/etc');
link('/nix/store/a-etc/etc/nixfleet', './static/../static');
link('/nix/store/c-dangling/etc', '/nix/store/d-gone/etc');
link('/nix/store/e-outside/etc', '/etc');
link('/nix/store/f-up/etc', '../../../../etc');
link('/nix/store/g-loop/etc', '/nix/store/g-loop/etc');
link('/nix/store/h-half/etc', '/nix/store/a-etc/etc');
link('/nix/store/a-etc/etc/half', '/nix/store/a-etc/missing');

test('links are followed as they read inside the store', async () => {
  assert.equal(
    await locateInStore(host, '/nix/store/b-system/etc/nixfleet/checks.json'),
    join(root, '/nix/store/a-etc/etc/static/checks.json'),
  );
});

test('what is not there is not there, also behind a link', async () => {
  assert.equal(await locateInStore(host, '/nix/store/b-system/etc/nixfleet/other.json'), null);
  assert.equal(await locateInStore(host, '/nix/store/b-system/bin/x'), null);
});

test('a link that leads nowhere or out of the store, and a missing store path, are faults, not “no checks”', async () => {
  for (const name of ['c-dangling', 'e-outside', 'f-up', 'g-loop', 'i-missing']) {
    await assert.rejects(locateInStore(host, `/nix/store/${name}/etc/nixfleet/checks.json`), { code: 'io' }, name);
    assert.equal((await readChecks(host, `/nix/store/${name}/etc/nixfleet/checks.json`)).ok, false, name);
  }
  await assert.rejects(locateInStore(host, '/nix/store/h-half/etc/half/checks.json'), { code: 'io' });
  await assert.rejects(locateInStore(host, '/etc/passwd'), { code: 'io' });
});
