import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate, evaluated } from '../nix.ts';

const urlsFor = (forge: string, args: string): string => `(import ./.).scopes.gitops.${forge}.urlsFor ${args}`;
const of = '{ owner = "acme"; repository = "fleet"; ';

test('each forge serves the files of a branch at its own address', async () => {
  const expression = `{
    forgejo = ${urlsFor('forgejo', `(${of} baseUrl = "https://git.example.org"; })`)};
    gitea = ${urlsFor('gitea', `(${of} baseUrl = "https://git.example.org/forge"; branch = "main"; path = "releases"; })`)};
    github = ${urlsFor('github', `(${of} })`)};
    enterprise = ${urlsFor('github', `(${of} baseUrl = "https://github.example.org"; })`)};
    gitlab = ${urlsFor('gitlab', `(${of} })`)};
  }`;
  assert.deepEqual(await evaluated({ expression }), {
    forgejo: {
      releases: 'https://git.example.org/acme/fleet/raw/branch/releases',
      git: 'https://git.example.org/acme/fleet.git',
    },
    gitea: {
      releases: 'https://git.example.org/forge/acme/fleet/raw/branch/main/releases',
      git: 'https://git.example.org/forge/acme/fleet.git',
    },
    github: {
      releases: 'https://raw.githubusercontent.com/acme/fleet/releases',
      git: 'https://github.com/acme/fleet.git',
    },
    enterprise: {
      releases: 'https://github.example.org/raw/acme/fleet/releases',
      git: 'https://github.example.org/acme/fleet.git',
    },
    gitlab: {
      releases: 'https://gitlab.com/acme/fleet/-/raw/releases',
      git: 'https://gitlab.com/acme/fleet.git',
    },
  });
});

test('an address that is missing, or holds a password, is refused', async () => {
  const missing = await evaluate({ expression: urlsFor('forgejo', `(${of} })`) });
  assert.deepEqual(missing, {
    ok: false,
    message: "urlsFor: baseUrl is missing: the forge's own address, such as https://git.example.org",
  });
  for (const baseUrl of ['https://ada:secret@git.example.org', 'http://git.example.org', 'https://git.example.org/']) {
    const refused = await evaluate({
      expression: `builtins.toJSON (${urlsFor('gitea', `(${of} baseUrl = "${baseUrl}"; })`)})`,
    });
    assert.ok(!refused.ok && /expected https:\/\/ and a host/.test(refused.message), baseUrl);
  }
});
