import { canonicalize, type Json } from '@nixfleet/contracts';

const at = '2026-06-01T08:00:00Z';
const later = '2026-09-01T08:00:00Z';
const hash = 'ab'.repeat(32);
const storePath = '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-web-1';
const envelope = (type: string) => ({ type, fleet: 'demo', schemaVersion: 1 });
const articles = { nis2: ['21(2)(e)'], 'anssi-bp028': [] };
const governance = {
  mode: 'enforce',
  level: 'standard',
  hostType: 'server',
  architecture: 'x86_64',
  presets: { nis2: 'essential' },
  excludes: ['desktop'],
};

const catalogue = {
  type: 'compliance-catalogue',
  schemaVersion: 1,
  version: '2026.11',
  host: 'web-1',
  system: 'x86_64-linux',
  governance,
  collectIntervalSeconds: 3600,
  controls: [
    {
      controlId: 'access-control',
      optionName: 'accessControl',
      title: 'Access control',
      purpose: 'Nobody logs in with a password.',
      type: 'both',
      schema: 'access/v1',
      articles,
      mode: 'enforce',
      rules: [
        {
          id: 'AC-01',
          name: 'no passwords over ssh',
          severity: 'minimal',
          tags: ['ssh'],
          hostTypes: ['server'],
          architectures: [],
          articles,
          frameworks: ['iso27001', 'nis2'],
          remediation: 'services.openssh.settings.PasswordAuthentication = false;',
          via: null,
          hasStatic: true,
          probe: {
            command: `${storePath}/bin/probe`,
            args: ['--rule', 'AC-01'],
            timeoutSecs: 10,
            expect: { passwordAuthentication: false, ports: { $subset: [22] } },
            schema: 'access/v1',
            privilege: 'root',
            network: 'none',
            maxOutputBytes: 4096,
            applicability: 'probed',
          },
          isAttested: false,
          unmeasured: null,
        },
      ],
    },
  ],
};

const waiver = {
  ...envelope('waiver'),
  id: 'W-2026-0001',
  controlId: 'access-control',
  ruleId: 'AC-01',
  scope: { hosts: ['web-1'] },
  justification: 'The supplier logs in with a password until its keys are there.',
  owner: 'Ada',
  approver: 'alice',
  createdAt: at,
  expiresAt: later,
  reviewAt: '2026-08-01T08:00:00Z',
  risk: 'high',
  compensating: ['reachable over the VPN alone'],
  ticket: 'OPS-7',
};

const measured = { status: 'fail', decision: 'waived' };

/** Under a framework that the host has not enabled. */
const under = {
  dora: {
    passed: false,
    optionPath: 'services.openssh.settings.AuthenticationMethods',
    fix: 'services.openssh.settings.AuthenticationMethods = "publickey,keyboard-interactive";',
  },
};

const staticReport = (change: object) => ({
  ...envelope('static-report'),
  waiverRegister: hash,
  hosts: {
    constructor: {
      channel: 'stable',
      mode: 'enforce',
      closure: storePath,
      catalogue: { version: '2026.11', sha256: hash, bytes: 1000 },
      governance,
      isCarriedOver: false,
      weakened: [
        {
          path: 'hosts.constructor.compliance.controls.secure-boot',
          mode: 'permissive',
          wider: 'enforce',
          waiver: 'W-2026-0002',
          control: 'secure-boot',
        },
      ],
      controls: [
        {
          controlId: 'access-control',
          mode: 'enforce',
          ...measured,
          frameworkArticles: articles,
          rules: [
            {
              id: 'AC-01',
              severity: 'minimal',
              via: null,
              ...measured,
              waiverId: 'W-2026-0001',
              expected: false,
              observed: true,
              optionPath: 'services.openssh.settings.PasswordAuthentication',
              fix: 'services.openssh.settings.PasswordAuthentication = false;',
              ...change,
            },
          ],
        },
      ],
    },
  },
  summary: { hosts: 1, pass: 0, fail: 1, error: 0, waived: 1, blocking: 0 },
});

/** A good one of each document of compliance. */
export const complianceDocuments: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  waiver: { 'by-host': waiver, 'by-channel': { ...waiver, scope: { channel: 'constructor' } } },
  'waiver-register': {
    one: {
      ...envelope('waiver-register'),
      waivers: [
        {
          waiver: canonicalize(waiver as Json),
          sshSignatures: { [hash]: '-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n' },
        },
      ],
    },
  },
  'static-report': {
    one: staticReport({}),
    forecast: staticReport({ via: 'control', status: 'not-applicable', decision: 'none', wouldPass: false, under }),
  },
  evidence: {
    one: {
      ...envelope('evidence'),
      profile: 'fleet-evidence/v1',
      hostname: 'web-1',
      collectedAt: at,
      chain: '0123456789abcdef'.repeat(2),
      sequence: 1,
      previousSha256: '0'.repeat(64),
      trigger: 'timer',
      nonce: null,
      bootId: 'boot-1',
      clock: { synced: true, source: 'timesyncd', offsetMs: -3 },
      system: {
        toplevel: storePath,
        narHash: 'sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73',
        closureDigest: hash,
        bootedToplevel: storePath,
        generation: 12,
        configurationRevision: null,
        kernel: '6.12.1',
      },
      release: {
        releaseId: hash,
        rolloutId: hash,
        channel: 'stable',
        sourceCommit: '1'.repeat(40),
        artifactSha256: hash,
      },
      catalogue: { version: '2026.11', sha256: hash },
      governance: { mode: 'enforce', level: 'standard', presets: { nis2: 'essential' }, waiverRegister: hash },
      controls: [
        {
          controlId: 'access-control',
          schema: 'access/v1',
          type: 'both',
          mode: 'enforce',
          passed: false,
          ...measured,
          frameworkArticles: articles,
          details: { 'AC-01': { user: 'sha256:1', ports: [22] } },
          rules: [
            {
              id: 'AC-01',
              severity: 'minimal',
              via: null,
              ...measured,
              waiverId: 'W-2026-0001',
              expected: { passwordAuthentication: false },
              observed: { passwordAuthentication: true },
              source: 'sshd -T',
              probe: { command: `${storePath}/bin/probe`, exitCode: 0, durationMs: 12, outputSha256: hash },
            },
          ],
          redactions: ['user'],
        },
      ],
      summary: { total: 1, pass: 0, fail: 1, error: 0, waived: 1, notApplicable: 0, attested: 0 },
    },
  },
  drill: {
    one: {
      ...envelope('drill'),
      id: 'D-2026-0001',
      rule: 'SY-01',
      failAt: 'runtime',
      hosts: ['web-1'],
      rolloutId: hash,
      startedAt: at,
      deadline: '2026-06-01T09:00:00Z',
      endedAt: '2026-06-01T08:05:00Z',
      limitSeconds: 600,
      steps: [{ name: 'reverted', isObserved: true, afterSeconds: 90, shownBy: [hash], detail: 'by the agent' }],
      passed: true,
    },
  },
};

/** And of what is no document. */
export const complianceMessages: Readonly<Record<string, unknown>> = {
  'compliance-catalogue': catalogue,
  'drill-plan': {
    schemaVersion: 1,
    id: 'D-2026-0001',
    failAt: 'stale',
    hosts: ['canary-1'],
    startedAt: '2026-06-01T08:00:00Z',
    deadline: '2026-06-01T09:00:00Z',
    until: 1_780_304_400,
    limitSeconds: 900,
  },
  'host-compliance': {
    catalogue: canonicalize(catalogue as Json),
    static: [
      {
        id: 'AC-01',
        passed: false,
        expected: false,
        observed: { value: [1, null] },
        optionPath: 'services.openssh.settings.PasswordAuthentication',
        fix: 'services.openssh.settings.PasswordAuthentication = false;',
        under,
      },
    ],
  },
};
