import {
  type CatalogueControl,
  type CatalogueRule,
  type ChannelName,
  type ComplianceCatalogue,
  type ComplianceMode,
  type Crypto,
  type EvidenceControl,
  EvidenceDocument,
  type EvidenceRule,
  type EvidenceSummary,
  evidenceProfile,
  type FleetName,
  type Instant,
  type Json,
  type NotApplicableReason,
  type ProbeRun,
  type Sha256Hex,
  sealDocument,
  sha256Hex,
  type TagName,
} from '@nixfleet/contracts';
import { combineDecisions, combineStatuses, decideRule, effectiveMode, unmeasuredBecause } from './decide.ts';
import { EvidenceError } from './errors.ts';
import { type Measurement, measure, type ProbeRunResult } from './measure.ts';
import { redact } from './redact.ts';
import type { ApplicableWaiver } from './waiver-scope.ts';

/** What a collection is about, apart from what the probes found. */
export interface CollectionFacts
  extends Pick<
    EvidenceDocument,
    | 'hostname'
    | 'collectedAt'
    | 'chain'
    | 'sequence'
    | 'previousSha256'
    | 'trigger'
    | 'nonce'
    | 'bootId'
    | 'clock'
    | 'system'
    | 'release'
  > {
  readonly fleet: FleetName;
}

export interface CollectionInput {
  readonly facts: CollectionFacts;
  readonly catalogue: ComplianceCatalogue;
  /** Of the bytes of `etc/nixfleet/compliance.json`, as read. */
  readonly catalogueSha256: Sha256Hex;
  /** By rule. A rule that should have been measured and is not here is an error. */
  readonly runs: ReadonlyMap<string, ProbeRunResult>;
  /** The channel's signed policy. */
  readonly mode: ComplianceMode;
  readonly channel: ChannelName;
  readonly tags: readonly TagName[];
  /** Verified, of the register that the release names. */
  readonly waivers: readonly ApplicableWaiver[];
  readonly waiverRegister: Sha256Hex | null;
  /** For hashes of names; secret, and the same for as long as hashes shall be comparable. */
  readonly redactionSalt: Uint8Array;
}

export interface BuiltEvidence {
  readonly document: EvidenceDocument;
  /** Canonical: what is signed and kept. */
  readonly bytes: Uint8Array;
  readonly sha256: Sha256Hex;
}

/** Largest output of one probe that is kept among the details of a failure, in characters of JSON. */
export const detailCharactersMax = 8_192;

/** Rules whose probe is to be run: active, not disabled, and with a probe. */
export function rulesToRun(catalogue: ComplianceCatalogue, mode: ComplianceMode): readonly CatalogueRule[] {
  return catalogue.controls
    .filter((control) => effectiveMode(mode, control.mode) !== 'disabled')
    .flatMap(({ rules }) => rules.filter(({ via, probe }) => via === null && probe !== null));
}

/**
 * One collection as a document. What was measured and what follows are kept apart; a control that nobody measured is
 * listed and says why. Throws `EvidenceError` `bad-input` where the facts make no valid document.
 */
export async function buildEvidence(crypto: Crypto, input: CollectionInput): Promise<BuiltEvidence> {
  const { facts, catalogue } = input;
  const controls: EvidenceControl[] = [];
  for (const control of byId(catalogue.controls, ({ controlId }) => controlId)) {
    controls.push(await buildControl(crypto, control, input));
  }
  const { fleet, ...about } = facts;
  const document: EvidenceDocument = {
    type: 'evidence',
    fleet,
    schemaVersion: 1,
    profile: evidenceProfile,
    ...about,
    catalogue: { version: catalogue.version, sha256: input.catalogueSha256 },
    governance: {
      mode: input.mode,
      level: catalogue.governance.level,
      presets: catalogue.governance.presets,
      waiverRegister: input.waiverRegister,
    },
    controls,
    summary: summarise(controls),
  };
  try {
    const { bytes, sha256 } = await sealDocument(crypto, document);
    return { document: EvidenceDocument.parse(document), bytes, sha256 };
  } catch (error) {
    throw new EvidenceError('bad-input', `evidence of ${facts.hostname} cannot be written: ${String(error)}`, {
      cause: error,
    });
  }
}

async function buildControl(
  crypto: Crypto,
  control: CatalogueControl,
  input: CollectionInput,
): Promise<EvidenceControl> {
  const mode = effectiveMode(input.mode, control.mode);
  const rules: EvidenceRule[] = [];
  const details: Record<string, Json> = {};
  const redactions = new Set<string>();
  const errors: string[] = [];
  const clean = async (value: Json): Promise<Json> => {
    const redacted = await redact(crypto, input.redactionSalt, value);
    for (const member of redacted.members) redactions.add(member);
    return redacted.value;
  };
  for (const rule of byId(control.rules, ({ id }) => id)) {
    const run = input.runs.get(rule.id);
    const measurement = measureRule(rule, mode, run);
    const { status } = measurement;
    if (measurement.status === 'error') errors.push(`${rule.id}: ${measurement.detail}`);
    rules.push({
      id: rule.id,
      severity: rule.severity,
      via: rule.via,
      status,
      ...('reason' in measurement ? { reason: measurement.reason } : {}),
      ...decideRule(status, input.waivers, {
        controlId: control.controlId,
        ruleId: rule.id,
        host: input.facts.hostname,
        channel: input.channel,
        tags: input.tags,
        at: input.facts.collectedAt,
      }),
      ...('observed' in measurement
        ? { expected: mutable(await clean(measurement.expected)), observed: mutable(await clean(measurement.observed)) }
        : {}),
      // Texts of a failure may repeat what was observed, names included: the members above say it.
      ...(measurement.status === 'error' || measurement.status === 'not-applicable'
        ? { detail: measurement.detail }
        : {}),
      ...(run && rule.probe
        ? { source: rule.probe.args.join(' ').slice(0, 256), probe: await probeRun(crypto, rule, run) }
        : {}),
    });
    if (measurement.output !== null && status !== 'pass') {
      const output = await clean(measurement.output);
      if (JSON.stringify(output).length <= detailCharactersMax) details[rule.id] = output;
    }
  }
  const status = combineStatuses(rules.map((rule) => rule.status));
  if (errors.length > 0) details.error = errors.join('; ').slice(0, 1000).toWellFormed();
  return {
    controlId: control.controlId,
    schema: control.schema,
    type: control.type,
    mode,
    passed: status === 'pass',
    status,
    decision: combineDecisions(rules.map((rule) => rule.decision)),
    frameworkArticles: control.articles,
    details: details as EvidenceControl['details'],
    rules,
    redactions: [...redactions].sort(),
  };
}

type RuleMeasurement = Measurement | { readonly status: 'fail'; readonly output: null };

function measureRule(rule: CatalogueRule, mode: ComplianceMode, run: ProbeRunResult | undefined): RuleMeasurement {
  // Forced off by hand is non-compliant, whatever the machine looks like.
  if (rule.via === 'override') return { status: 'fail', output: null };
  const reason = unmeasuredBecause(rule, mode);
  if (reason !== null) return { status: 'not-applicable', reason, detail: detailOf(reason, rule), output: null };
  if (run === undefined || rule.probe === null) return { status: 'error', detail: 'was not run', output: null };
  return measure(rule.probe, run);
}

function detailOf(reason: NotApplicableReason, { via, unmeasured }: CatalogueRule): string {
  switch (reason) {
    case 'inactive':
      return `not active here: ${via}`;
    case 'attested':
      return 'stated by a person';
    case 'unmeasured':
      return unmeasured ?? '';
    case 'static-only':
    case 'not-static':
      return 'evaluated over the configuration alone';
    case 'disabled':
      return 'not evaluated: its mode is disabled';
    case 'environment':
      return 'nothing here that it could be about';
    default:
      return reason satisfies never;
  }
}

async function probeRun(crypto: Crypto, { probe }: CatalogueRule, run: ProbeRunResult): Promise<ProbeRun> {
  return {
    command: probe?.command ?? '',
    exitCode: run.exitCode,
    durationMs: Math.max(0, Math.round(run.durationMs)),
    outputSha256: await sha256Hex(crypto, run.stdout),
  };
}

/** Counts of controls. */
export function summarise(controls: readonly EvidenceControl[]): EvidenceSummary {
  const count = (test: (control: EvidenceControl) => boolean) => controls.filter(test).length;
  return {
    total: controls.length,
    pass: count(({ status }) => status === 'pass'),
    fail: count(({ status }) => status === 'fail'),
    error: count(({ status }) => status === 'error'),
    waived: count(({ decision }) => decision === 'waived'),
    notApplicable: count(({ status }) => status === 'not-applicable'),
    attested: count(({ type }) => type === 'attested'),
  };
}

function byId<Entry>(entries: readonly Entry[], idOf: (entry: Entry) => string): Entry[] {
  return [...entries].sort((left, right) => (idOf(left) < idOf(right) ? -1 : 1));
}

/** The schemas' JSON is the same type without `readonly`. */
function mutable(value: Json): EvidenceRule['observed'] {
  return value as EvidenceRule['observed'];
}

/** When the last collection was, and where its chain stands. */
export interface ChainPosition {
  readonly chain: string;
  readonly sequence: number;
  readonly sha256: Sha256Hex;
  readonly collectedAt: Instant;
}
