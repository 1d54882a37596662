import type { SignedEvent } from '@nixfleet/contracts';
import { createTestFleet } from '@nixfleet/testkit';
import { complianceMessages } from './compliance-samples.ts';
import { utf8 } from './format.ts';
import { messageFormats } from './messages.ts';
import type { Samples } from './samples.ts';

const at = '2026-06-01T08:00:00Z';
const later = '2026-06-01T09:00:00Z';
const hash = 'ab'.repeat(32);
const journalId = '0123456789abcdef'.repeat(2);
const path = (name: string): string => `/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-${name}`;
const position = { journal: journalId, seq: 3, sha256: hash };
const switchPolicy = {
  confirm: { by: 'control-plane', timeoutSeconds: 120 },
  activationTimeoutSeconds: 300,
  onHealthFailure: 'rollback-and-halt',
  unconfirmedRetrySeconds: 30,
  unconfirmedRetryMaxSeconds: 600,
};
const withheld = { code: 'wave', names: ['canary'], have: 0, need: 1, until: later, reason: 'the canary goes first' };

function target(more: object = {}) {
  return {
    rolloutId: hash,
    channel: 'stable',
    introducedIn: 2,
    wave: 0,
    closure: path('two'),
    closureDigest: hash,
    attempt: 1,
    soakSeconds: 60,
    ...more,
  };
}

const state = {
  bootId: 'boot-1',
  running: path('two'),
  confirmed: { closure: path('one'), rolloutId: null, at },
  phase: { name: 'confirming', target: target({ reboots: 1 }), since: at, revertTo: path('one'), deadline: later },
  policy: switchPolicy,
  quarantine: [{ closure: path('bad'), attempt: 1, rolloutId: hash, at, cause: 'probe-failed' }],
  retry: { rolloutId: hash, closure: path('two'), count: 2, notBefore: later },
  rebootPending: { since: at, component: 'kernel' },
  reboots: { number: 1, bootId: null, done: 0 },
  trialEnded: hash,
  localHold: { until: later, reason: 'a person works on it' },
  withheld,
  trust: { version: 1, sha256: hash },
  release: { version: 2, sha256: hash },
  head: { version: 9, sha256: hash },
  // Names that every JavaScript object has are names like any other.
  probes: { constructor: { status: 'fail', mode: 'enforce', at, consecutiveFailures: 2, detail: 'no answer' } },
};

const summary = {
  name: 'constructor',
  channel: 'stable',
  tags: ['web'],
  health: 'updating',
  phase: state.phase,
  running: path('one'),
  target: path('two'),
  wave: 0,
  online: true,
  lastSeenAt: at,
  rebootPending: false,
  withheld: [withheld],
};

const rollout = {
  rolloutId: hash,
  channel: 'stable',
  displayName: 'stable@3f2a1bc0',
  state: 'active',
  wave: 0,
  waves: 2,
  hosts: 3,
  converged: 1,
  failed: 0,
  leftBehind: ['db'],
  introducedIn: 2,
  withheld: [],
};

const planControls = {
  pass: 20,
  fail: 1,
  error: 0,
  waived: 1,
  changes: [
    {
      controlId: 'access-control',
      ruleId: 'AC-01',
      mode: 'enforce',
      before: 'pass',
      after: 'fail',
      waiverId: null,
      optionPath: 'services.openssh.settings.PermitRootLogin',
      fix: 'services.openssh.settings.PermitRootLogin = "no";',
    },
  ],
};

const plan = {
  fleet: 'demo',
  now: at,
  source: { repository: 'https://git.example.org/fleet.git', commit: '1'.repeat(40) },
  isRelease: true,
  version: 3,
  previousVersion: 2,
  sha256: hash,
  warnings: ['nobody watches this'],
  changedChannels: ['stable'],
  hosts: [
    {
      host: 'web-1',
      channel: 'stable',
      wave: 0,
      closure: path('two'),
      previous: path('one'),
      change: 'changed',
      pin: { closure: path('two'), reason: 'its module is broken', isExpired: false },
      closureBytes: 2000,
      previousBytes: 1000,
      packages: {
        added: [{ name: 'curl', version: '8.1' }],
        removed: [],
        changed: [{ name: 'nginx', from: ['1.1'], to: ['1.2'] }],
      },
      system: { units: { added: [], removed: [], changed: ['nginx.service'] }, reboot: ['kernel'] },
      controls: planControls,
    },
  ],
  forecast: {
    from: at,
    to: later,
    rollouts: [
      {
        rolloutId: hash,
        channel: 'stable',
        displayName: 'stable@3f2a1bc0',
        state: 'converged',
        waves: [{ wave: 0, hosts: ['web-1'], startsAt: at, doneAt: later }],
        startsAt: at,
        doneAt: later,
        blockedBy: [{ withheld, from: at, to: null }],
        failed: [],
        leftBehind: [],
        waiting: [{ host: 'db', withheld: [withheld] }],
      },
    ],
  },
  basis: { hosts: 'last-release', durations: 'journal', measuredHosts: 1 },
  whatIf: { offline: ['db'], fail: [] },
};

const refusedPlan = {
  refused: { reason: 'static-gate', detail: 'web-1: AC-01 fails under enforce' },
  hosts: [{ host: 'web-1', controls: planControls }],
};

const healthChecks = {
  schemaVersion: 1,
  checks: {
    http: { kind: 'http', url: 'http://127.0.0.1:8080/healthz' },
    tcp: { kind: 'tcp', port: 22, mode: 'observe' },
    exec: { kind: 'exec', command: ['/run/current-system/sw/bin/true'], network: false },
    units: { kind: 'systemd', units: ['nginx.service'] },
    proof: { kind: 'evidence', framework: 'nis2', mode: 'disabled' },
  },
};

const evidenceUpload = { evidence: '{}', sig: 'AA==', sshsig: '-----BEGIN SSH SIGNATURE-----' };

/** A good one of each, by schema. */
function messages(signed: SignedEvent): Readonly<Record<string, unknown>> {
  const go = { rolloutId: hash, wave: 1, attempt: 1, reboot: true, receipts: [signed] };
  return {
    'checkin-request': {
      agentVersion: '0.1.0',
      running: path('one'),
      bootId: 'boot-1',
      journal: position,
      seen: { head: hash, go: null },
    },
    'checkin-reply': {
      head: hash,
      trustVersion: 1,
      goId: hash,
      go,
      replayFrom: { journal: journalId, seq: 1 },
      withheld: [withheld],
    },
    go,
    'event-batch': { journal: journalId, events: [signed] },
    'event-receipt': { stored: position },
    'evidence-receipt': { stored: { chain: journalId, sequence: 3, sha256: hash } },
    'evidence-upload': evidenceUpload,
    'evidence-view': { evidence: [evidenceUpload], next: `${at}/${journalId}/3` },
    'signed-event': signed,
    'wire-error': { error: 'gap', message: 'send from the beginning', replayFrom: { journal: journalId, seq: 1 } },
    'host-state': state,
    'health-checks': healthChecks,
    'events-view': { events: [{ position: 7, receivedAt: at, host: 'canary', ...signed }], next: 8 },
    'fleet-view': {
      fleet: 'demo',
      now: at,
      release: { version: 2, sha256: hash, commit: '1'.repeat(40), createdAt: at },
      head: { version: 9, signedAt: at, expiresAt: later },
      trustVersion: 1,
      rebuilding: { until: later, unheard: ['db'] },
      emergency: { reason: 'CVE-2026-1234', expiresAt: later },
      problems: ['db was not heard'],
      hosts: [summary],
      rollouts: [rollout],
      unknownKeys: [{ fingerprint: 'SHA256:abc', address: '192.0.2.1', firstSeenAt: at, lastSeenAt: later, count: 3 }],
    },
    'host-view': { ...summary, state, journal: position, agentVersion: '0.1.0' },
    'rollouts-view': { rollouts: [rollout] },
    'rollout-view': {
      ...rollout,
      hostStates: [{ name: 'web-1', wave: 0, phase: 'converged', converged: true, withheld: [] }],
    },
    'why-view': {
      host: 'web-1',
      health: 'waiting',
      running: path('one'),
      target: path('two'),
      rolloutId: hash,
      withheld: [withheld],
      sentences: ['waits for canary'],
    },
    'holds-view': {
      holds: [
        {
          sha256: hash,
          standing: 'in-force',
          channel: 'stable',
          reason: 'audit',
          createdAt: at,
          expiresAt: later,
          approvers: ['alice'],
        },
      ],
    },
    'plan-view': plan,
    'refused-plan-view': refusedPlan,
    ...complianceMessages,
  };
}

function samplesOf(message: object): Samples {
  const good = JSON.stringify(message);
  const [field = ''] = Object.keys(message);
  const withField = (value: unknown): Uint8Array => utf8(JSON.stringify({ ...message, [field]: value }));
  return {
    valid: {
      'plain.json': utf8(good),
      'unknown-optional-field.json': utf8(JSON.stringify({ ...message, zzFutureField: { a: ['ü'] } })),
      'spread-out.json': utf8(JSON.stringify(message, null, 2)),
      'prototype-as-a-field.json': utf8(`{"__proto__":{"polluted":true},${good.slice(1)}`),
    },
    invalid: {
      malformed: {
        'empty.json': new Uint8Array(),
        'truncated.json': utf8(good.slice(0, -1)),
        'byte-order-mark.json': new Uint8Array([0xef, 0xbb, 0xbf, ...utf8(good)]),
        'cut-inside-utf-8.json': new Uint8Array([...utf8(good.slice(0, -1)), 0x22, 0xc3]),
      },
      invalid: {
        'no-object.json': utf8('[]'),
        'no-fields.json': utf8('{}'),
        'behind-a-prototype.json': utf8(`{"__proto__":${good}}`),
        'a-field-of-another-type.json': withField({}),
        'a-field-of-nested-lists.json': utf8(`{${JSON.stringify(field)}:${'['.repeat(1000)}${']'.repeat(1000)}}`),
      },
    },
  };
}

export async function messageSamples(): Promise<ReadonlyMap<string, Samples>> {
  const fleet = await createTestFleet();
  await fleet.publish();
  const made = messages(await fleet.receipt('canary'));
  return new Map(messageFormats.map(({ name }) => [name, samplesOf(made[name] as object)]));
}
