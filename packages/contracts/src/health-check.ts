import { z } from 'zod';
import { complianceCheck } from './compliance-standing.ts';
import { CheckName } from './names.ts';

export const CheckMode = z.enum(['enforce', 'observe', 'disabled']);
export type CheckMode = z.infer<typeof CheckMode>;

const common = {
  mode: CheckMode.default('enforce'),
  intervalSeconds: z.int().min(1).max(3600).default(30),
  timeoutSeconds: z.int().min(1).max(300).default(5),
  /** Consecutive failures that make a failure. */
  failureThreshold: z.int().min(1).max(100).default(3),
};

export const HttpCheck = z.object({
  kind: z.literal('http'),
  ...common,
  url: z.url({ protocol: /^https?$/ }).max(2048),
  expectStatus: z.int().min(100).max(599).default(200),
});
export const TcpCheck = z.object({
  kind: z.literal('tcp'),
  ...common,
  host: z.string().min(1).max(253).default('127.0.0.1'),
  port: z.int().min(1).max(65535),
});
export const ExecCheck = z.object({
  kind: z.literal('exec'),
  ...common,
  /** argv; no shell. Exit 0 passes. */
  command: z.array(z.string().max(4096)).min(1).max(64),
  /** Whether the program may use the network; without it, it sees none where the backend can see to that. */
  network: z.boolean().optional(),
});
export const SystemdCheck = z.object({
  kind: z.literal('systemd'),
  ...common,
  /** Units that must be active; empty: no unit may have failed since activation. */
  units: z.array(z.string().min(1).max(256)).max(64).default([]),
});
export const EvidenceCheck = z.object({
  kind: z.literal('evidence'),
  ...common,
  framework: z.string().min(1).max(64).optional(),
  controls: z.array(z.string().min(1).max(64)).max(256).optional(),
});

export type EvidenceCheck = z.infer<typeof EvidenceCheck>;

/** One declared probe. */
export const HealthCheck = z.discriminatedUnion('kind', [HttpCheck, TcpCheck, ExecCheck, SystemdCheck, EvidenceCheck]);
export type HealthCheck = z.infer<typeof HealthCheck>;
export type CheckKind = HealthCheck['kind'];

/** Most probes of one host. */
export const checksMax = 64;

/**
 * `etc/nixfleet/health-checks.json` inside a closure: the probes of one host, so that the closure digest signs them.
 * Absent file: no probes.
 */
export const HealthChecks = z.object({
  schemaVersion: z.literal(1),
  checks: z
    .record(CheckName, HealthCheck)
    .refine((checks) => Object.keys(checks).length <= checksMax, `at most ${checksMax} checks`)
    .refine((checks) => !Object.hasOwn(checks, complianceCheck), `${complianceCheck} is not for declared checks`),
});
export type HealthChecks = z.infer<typeof HealthChecks>;
