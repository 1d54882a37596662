import { z } from 'zod';
import { complianceEventBodies } from './compliance-event.ts';
import { envelope } from './document.ts';
import { CheckMode } from './health-check.ts';
import { FailedCause, Floor, HostState, HostTarget, RevertCause, UnconfirmedCause } from './host-state.ts';
import { Instant } from './instant.ts';
import { BootId, CheckName, HostName, JournalId, RolloutId, Sha256Hex, StorePath } from './names.ts';
import { AgentRefusalCode } from './refusal.ts';
import { SwitchPolicy } from './rollout-policy.ts';
import { Withheld } from './withheld.ts';

/** What a command printed: its hash, and a bounded excerpt with secrets redacted. The whole stays on the host. */
export const CommandOutput = z.object({
  exitCode: z.int().nullable(),
  signal: z.string().max(16).optional(),
  durationMs: z.int().min(0),
  outputSha256: Sha256Hex,
  excerpt: z.string().max(2048),
});
export type CommandOutput = z.infer<typeof CommandOutput>;

const detail = z.string().max(1000).optional();
const target = HostTarget;

/** The bodies of journal events, by kind. Every transition of the host machine is one of them. */
export const eventBodies = {
  /**
   * First event of every journal. `previous`: the epoch this host wrote before, if it still knows. A journal is continued
   * under the key that began it, so another host key begins another one.
   */
  'journal-started': z.object({
    reason: z.enum(['first-contact', 'state-lost', 'restored', 'key-changed']),
    previous: z.object({ journal: JournalId, seq: z.int().min(0) }).optional(),
    running: StorePath.nullable(),
    confirmed: StorePath.nullable(),
    agentVersion: z.string().max(64),
  }),
  /** The agent started; `running` is what the machine runs now. */
  started: z.object({ running: StorePath.nullable(), agentVersion: z.string().max(64) }),
  checkpoint: z.object({ state: HostState }),
  'trust-accepted': z.object({ floor: Floor }),
  'release-accepted': z.object({ release: Floor, head: Floor }),
  'document-refused': z.object({
    document: z.enum(['trust', 'head', 'release', 'fleet', 'rollout', 'hold', 'go']),
    reason: AgentRefusalCode,
    detail,
  }),
  withheld: z.object({ withheld: Withheld.nullable() }),
  'local-hold': z.object({ hold: z.object({ until: Instant, reason: z.string().max(1000) }).nullable() }),
  fetching: z.object({ target, policy: SwitchPolicy }),
  /** `retryNotBefore` is absent in older journals, and where it is refused for good. */
  refused: z.object({ target, reason: AgentRefusalCode, retryNotBefore: Instant.optional(), detail }),
  deferred: z.object({ target, component: z.string().max(64) }),
  /** The channel's `reboots` was raised to this number. */
  'reboots-seen': z.object({ reboots: z.int().min(0) }),
  /** The machine goes down now, to come up with the target. `component` is what waits for the boot. */
  rebooting: z.object({ target, revertTo: StorePath.nullable(), deadline: Instant, component: z.string().max(64) }),
  /** The dead man's switch is armed and read back; the switch starts now. */
  activating: z.object({ target, revertTo: StorePath.nullable(), deadline: Instant }),
  /** Activation ended and the running system is the target. */
  confirming: z.object({ target, deadline: Instant, output: CommandOutput.optional(), detail }),
  /** Every enforced probe passed once since activation: what the control plane must accept over a new connection. */
  'probes-passed': z.object({ target, probes: z.array(CheckName).max(64) }),
  /** Profile set, boot default read back, dead man's switch disarmed. Only this event counts. */
  confirmed: z.object({ target, soakUntil: Instant, by: z.enum(['control-plane', 'local']) }),
  /** `switched` is false where the host already ran its target. */
  converged: z.object({ target, switched: z.boolean() }),
  /** A trial is alive; the dead man's switch is armed until it ends. Nothing is confirmed. */
  trying: z.object({ target, revertTo: StorePath.nullable(), deadline: Instant }),
  unconfirmed: z.object({ target, cause: UnconfirmedCause, retryNotBefore: Instant, detail }),
  failed: z.object({
    target,
    cause: FailedCause,
    /** Null where policy `halt` leaves the host where it is, and where there is nothing to go back to. */
    revertTo: StorePath.nullable(),
    check: CheckName.optional(),
    output: CommandOutput.optional(),
    detail,
  }),
  reverting: z.object({ target, to: StorePath, cause: RevertCause }),
  /** The machine runs `to` again, read back. */
  reverted: z.object({
    target,
    to: StorePath,
    cause: RevertCause,
    by: z.enum(['agent', 'dead-man', 'boot']),
    output: CommandOutput.optional(),
  }),
  /** The revert did not bring the machine back to `to`; `running` is what it runs. */
  'revert-failed': z.object({
    target,
    to: StorePath,
    running: StorePath.nullable(),
    output: CommandOutput.optional(),
    detail,
  }),
  'reboot-pending': z.object({ component: z.string().max(64).nullable() }),
  probe: z.object({
    check: CheckName,
    status: z.enum(['pass', 'fail']),
    mode: CheckMode,
    consecutiveFailures: z.int().min(0),
    detail: z.string().max(512).optional(),
  }),
  /** The system was changed outside NixFleet: what it runs, or what it boots by itself, where that is not `expected` either. */
  drift: z.object({ expected: StorePath, running: StorePath.nullable(), bootDefault: StorePath.optional() }),
  'floor-lost': z.object({ detail }),
  'head-expiring': z.object({ expiresAt: Instant }),
  ...complianceEventBodies,
} as const;
export type EventKind = keyof typeof eventBodies;
export const eventKinds = Object.keys(eventBodies) as [EventKind, ...EventKind[]];

const eventCommon = {
  ...envelope('event'),
  host: HostName,
  journal: JournalId,
  /** 1 for the first event of a journal. */
  seq: z.int().min(1),
  /** SHA-256 of the event before it; 64 zeroes for the first. */
  prevSha256: Sha256Hex,
  at: Instant,
  bootId: BootId,
  rolloutId: RolloutId.optional(),
};

/** One signed entry of a host's journal. */
export const JournalEvent = z.discriminatedUnion('kind', [
  ...(eventKinds.map((kind) =>
    z.object({ ...eventCommon, kind: z.literal(kind), body: eventBodies[kind] }),
  ) as unknown as [{ [Kind in EventKind]: EventSchema<Kind> }[EventKind]]),
]);
type EventSchema<Kind extends EventKind> = z.ZodObject<
  typeof eventCommon & { kind: z.ZodLiteral<Kind>; body: (typeof eventBodies)[Kind] }
>;
export type JournalEvent = {
  [Kind in EventKind]: z.infer<z.ZodObject<typeof eventCommon>> & {
    readonly kind: Kind;
    readonly body: z.infer<(typeof eventBodies)[Kind]>;
  };
}[EventKind];

/** An event's kind and body, before the journal gives it a place in the chain. */
export type EventContent = {
  [Kind in EventKind]: { kind: Kind; body: z.infer<(typeof eventBodies)[Kind]> };
}[EventKind];
export type EventOf<Kind extends EventKind> = Extract<JournalEvent, { kind: Kind }>;

/** `prevSha256` of the first event. */
export const journalStart = '0'.repeat(64) as Sha256Hex;

/** As stored and sent: the canonical text, and the host key's raw signature in base64. */
export const SignedEvent = z.object({
  event: z.string().min(2).max(262_144),
  signature: z.string().length(88),
});
export type SignedEvent = z.infer<typeof SignedEvent>;
