import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CollectorDirectory, fileSystem, measureHost, verifyOwnEvidence } from '@nixfleet/agent';
import {
  EvidenceDocument,
  type Instant,
  instantToMs,
  msToInstant,
  type PublicKey,
  parseMessage,
  parseOpensshPublicLine,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import type { EvidenceRefusalCode } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { type ControlRow, controlRows, controlTable, worstDecision } from '../compliance/control-table.ts';
import { hostCollection } from '../compliance/host-collection.ts';
import { printable } from '../printable.ts';
import { renderTable } from '../render/table.ts';
import { span } from '../render/time-ago.ts';
import type { Terminal } from '../terminal.ts';

/** From which age on evidence says too little of what is, in seconds. */
const staleSeconds = 7200;
const defaultDirectory = '/var/lib/nixfleet-compliance';
const defaultKey = '/etc/ssh/ssh_host_ed25519_key.pub';

interface CheckView {
  readonly host: string;
  readonly collectedAt: Instant;
  readonly ageSeconds: number;
  readonly isStale: boolean;
  /** `none`: measured now. */
  readonly signature: 'verified' | 'none' | EvidenceRefusalCode;
  readonly detail: string | null;
  readonly sequence: number | null;
  readonly releaseId: string | null;
  readonly decision: ControlRow['decision'];
  /** Empty where nothing vouches for them. */
  readonly controls: readonly ControlRow[];
}

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const view = values.flag('live') ? await live(context, values) : await kept(context, values);
  if (values.flag('json')) context.terminal.result(JSON.stringify(view, null, 2));
  else show(context.terminal, view);
  if (view.isStale || (view.signature !== 'verified' && view.signature !== 'none')) return 1;
  return values.flag('require-compliant') && view.decision === 'fail' ? 3 : 0;
}

async function live(context: CommandContext, values: CommandValues): Promise<CheckView> {
  if (process.getuid?.() !== 0) {
    throw new CliError('failed', '--live: probes read what root alone may', 'run it as root, or without --live');
  }
  const directory = resolve(context.workingDirectory, values.text('directory') ?? defaultDirectory);
  const { options, deps } = await hostCollection(context, values);
  const document = await measureHost({ ...options, directory }, deps);
  return { ...viewOf(document, context, 'none', null), sequence: null };
}

async function kept(context: CommandContext, values: CommandValues): Promise<CheckView> {
  const directory = resolve(context.workingDirectory, values.text('directory') ?? defaultDirectory);
  const signed = await new CollectorDirectory(fileSystem, directory).newest();
  if (signed === null) {
    throw new CliError(
      'failed',
      `${directory}: no evidence`,
      'see systemctl status compliance-evidence-collector, or say --directory',
    );
  }
  const About = EvidenceDocument.pick({
    hostname: true,
    fleet: true,
    collectedAt: true,
    sequence: true,
    release: true,
  });
  const about = parseMessage(About, signed.bytes);
  if (!about.ok) {
    throw new CliError('failed', `${directory}/evidence.json: malformed: ${printable(about.detail)}`, 'collect again');
  }
  const verified = await verifyOwnEvidence(
    { crypto: nodeCrypto, fleet: about.value.fleet },
    {
      signed,
      host: about.value.hostname,
      ownKey: await ownKey(resolve(context.workingDirectory, values.text('key') ?? defaultKey)),
      now: msToInstant(context.clock.now()),
    },
  );
  if (verified.ok) return viewOf(verified.value.document, context, 'verified', null);
  return viewOf({ ...about.value, controls: [] }, context, verified.reason, verified.detail);
}

async function ownKey(path: string): Promise<PublicKey> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CliError('failed', `${path}: cannot be read`, 'name the public key of this host with --key', { cause });
  });
  const key = parseOpensshPublicLine(text.trim().split(' ').slice(0, 2).join(' '));
  if (key === null) throw new CliError('failed', `${path}: no public key of a host`, 'name it with --key');
  return key;
}

function viewOf(
  document: Pick<EvidenceDocument, 'hostname' | 'collectedAt' | 'sequence' | 'release' | 'controls'>,
  { clock }: CommandContext,
  signature: CheckView['signature'],
  detail: string | null,
): CheckView {
  const ageSeconds = Math.max(0, Math.floor((clock.now() - instantToMs(document.collectedAt)) / 1000));
  const controls = controlRows(document.controls);
  return {
    host: document.hostname,
    collectedAt: document.collectedAt,
    ageSeconds,
    isStale: ageSeconds > staleSeconds,
    signature,
    detail,
    sequence: document.sequence,
    releaseId: document.release?.releaseId ?? null,
    decision: worstDecision(controls),
    controls,
  };
}

function show(terminal: Terminal, view: CheckView): void {
  const { host, collectedAt, ageSeconds, isStale, signature, detail, sequence, releaseId } = view;
  const which = sequence === null ? 'measured now, not signed' : `evidence ${sequence} of ${collectedAt}`;
  const release = releaseId === null ? 'of no release' : `of release ${releaseId.slice(0, 12)}`;
  terminal.result(`${host}: ${which}, ${release}`);
  if (signature === 'verified') terminal.result(terminal.paint('green', 'signature: verified, by this host’s own key'));
  else if (signature !== 'none') {
    terminal.result(
      terminal.paint('red', `signature: ${signature}: ${printable(detail ?? '')}; nothing it says counts`),
    );
  }
  if (sequence !== null) {
    const age = `age: ${span(ageSeconds)}`;
    terminal.result(isStale ? terminal.paint('red', `${age}: stale, expected at most ${span(staleSeconds)}`) : age);
  }
  for (const line of view.controls.length === 0 ? [] : renderTable(controlTable(view.controls), terminal)) {
    terminal.result(line);
  }
}
