import {
  type CollectionContext,
  documentBytesMax,
  type HostName,
  type HostState,
  type HostTarget,
  lookup,
  reportPath,
  type StorePath,
  type TrustState,
  type VerifyContext,
  type WaiverDocument,
} from '@nixfleet/contracts';
import { type SeverityOf, verifyRegister } from '@nixfleet/evidence';
import type { DocumentSource } from '../document-source.ts';
import type { IntentSource, VerifiedView } from '../intent-source.ts';
import type { Log } from '../log.ts';
import type { ReleasedContexts } from './released-contexts.ts';

export interface FactsDeps {
  readonly ctx: VerifyContext;
  readonly host: HostName;
  /** Null while documents cannot be read. */
  readonly documents: IntentSource | null;
  readonly trust: () => TrustState;
  readonly source: DocumentSource;
  readonly released: ReleasedContexts;
  readonly log: Log;
}

/** The target whose closure runs, or is being confirmed; null where none does. */
export function targetOn({ phase }: HostState, closure: StorePath): HostTarget | null {
  return 'target' in phase && phase.target.closure === closure && phase.target.trialUntil === undefined
    ? phase.target
    : null;
}

/**
 * What a collection on `closure` can be told of where it comes from; null: nothing that is verified. Where the host has gone back to
 * `closure`, what was verified when it was the target.
 */
export async function collectionContext(
  {
    closure,
    target,
    confirmed,
    mode,
    severityOf,
  }: {
    readonly closure: StorePath;
    readonly target: HostTarget | null;
    /** What a revert goes back to. */
    readonly confirmed: StorePath | null;
    readonly mode: CollectionContext['mode'];
    readonly severityOf: SeverityOf;
  },
  deps: FactsDeps,
  signal: AbortSignal,
): Promise<CollectionContext | null> {
  const { ctx, host, documents, source, released } = deps;
  const earlier = target === null && closure === confirmed ? await released.of(closure) : null;
  // With the mode of that release: evidence is held against what it names.
  if (earlier?.host === host && earlier.fleet === ctx.fleet) return earlier;
  const view = documents?.view ?? null;
  if (documents === null || view === null) return null;
  const found = target && (await documents.manifestOf(target.rolloutId, source, signal));
  const isReleased = target !== null && found?.entry.closure === closure;
  const register = await waiversOf(view, { ...deps, documents, severityOf }, signal);
  const context: CollectionContext = {
    schemaVersion: 1,
    fleet: ctx.fleet,
    host,
    closure,
    closureDigest: isReleased ? target.closureDigest : null,
    release: isReleased
      ? {
          releaseId: view.release.sha256,
          rolloutId: target.rolloutId,
          channel: view.channel,
          sourceCommit: view.release.document.source.commit,
          artifactSha256: target.rolloutId as string as typeof view.release.sha256,
        }
      : null,
    mode,
    channel: view.channel,
    tags: lookup(view.fleet.document.hosts, host)?.tags ?? [],
    ...register,
  };
  if (isReleased) await released.remember(context, confirmed);
  return context;
}

/** Those of the newest release that count. Any that cannot be read or verified is not there, which is stricter. */
async function waiversOf(
  view: VerifiedView,
  {
    ctx,
    documents,
    trust,
    source,
    severityOf,
    log,
  }: FactsDeps & { readonly documents: IntentSource; readonly severityOf: SeverityOf },
  signal: AbortSignal,
): Promise<Pick<CollectionContext, 'waivers' | 'waiverRegister'>> {
  const named = view.release.document.waiverRegister;
  const none = { waivers: [], waiverRegister: named?.sha256 ?? null };
  if (named === undefined) return none;
  const bytesMax = Math.min(named.bytes, documentBytesMax['waiver-register']);
  const read = await documents.bound(reportPath(named.sha256), bytesMax, source, signal);
  const verified = read.ok ? await verifyRegister(ctx, { trust: trust(), bytes: read.bytes, severityOf }) : null;
  if (!verified?.ok) {
    log('warn', 'no waiver counts: their register cannot be read', { sha256: named.sha256 });
    return none;
  }
  const waivers: WaiverDocument[] = verified.value.waivers.map(({ document }) => document);
  return { waivers, waiverRegister: named.sha256 };
}
