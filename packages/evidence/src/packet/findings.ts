import type {
  ComplianceCatalogue,
  DrillRecord,
  HostName,
  Instant,
  Sha256Hex,
  SignedEvent,
  StorePath,
  TrustState,
  VerifiedEvent,
} from '@nixfleet/contracts';
import type { DrillTrace } from '../drill/observe-drill.ts';
import type { EvidenceRefusalCode } from '../outcome.ts';
import type { HistoricRelease } from './historic-release.ts';
import type { HostQuestion } from './host-question.ts';
import type { PacketManifest } from './packet-manifest.ts';
import type { Period } from './period.ts';
import type { HostTimeline } from './timeline.ts';

/** What is wrong with a packet. `file`: not as its manifest says; the others name a part of the chain. */
export type BreakCode =
  | EvidenceRefusalCode
  | 'manifest'
  | 'file'
  | 'trust'
  | 'release'
  | 'release-gap'
  | 'commit'
  | 'journal'
  | 'drill'
  | 'report';

export interface Break {
  readonly code: BreakCode;
  /** The file, or the host. */
  readonly where: string;
  readonly detail: string;
}

/** What one host ran, as its own journal says. */
export interface RanSpan {
  readonly from: string;
  readonly to: string | null;
  readonly running: string | null;
  readonly commit: string | null;
}

export interface HostFindings {
  readonly host: HostName;
  /** Times of the period in which it was to collect. */
  readonly asked: readonly Period[];
  readonly timeline: HostTimeline;
  /** Null where the packet has no journal of it. */
  readonly ran: readonly RanSpan[] | null;
  /** The catalogue of the last collection. */
  readonly catalogue: ComplianceCatalogue | null;
  /** Releases that its collections name, the one of the last collection last. */
  readonly collectedUnder: readonly Sha256Hex[];
  /** Waivers that decided something of what was measured, by identifier. */
  readonly waivers: readonly string[];
  /** What its journal says of the drills that name it, by identifier. */
  readonly drillTraces: ReadonlyMap<string, DrillTrace>;
}

/** A drill whose record nothing in the packet contradicts. */
export interface PacketDrill {
  readonly record: DrillRecord;
  /** Hosts whose journals are not in the packet: of them it is the signers' word. */
  readonly unchecked: readonly HostName[];
  /** False where whoever signed it was an approver then, and is none any more. */
  readonly isStillApproved: boolean;
}

/** Everything that was found out, broken or not: what the report is written from. */
export interface PacketFindings {
  readonly manifest: PacketManifest;
  readonly trust: readonly TrustState[];
  readonly releases: readonly HistoricRelease[];
  readonly hosts: readonly HostFindings[];
  readonly drills: readonly PacketDrill[];
  /** Commits of releases whose objects are here and have the hash that is their name. */
  readonly commits: ReadonlySet<string>;
  readonly breaks: readonly Break[];
  /** Hosts with a time in which nothing was collected. */
  readonly incompleteHosts: readonly HostName[];
  /** Hosts that releases of the period have, and that the packet is not about. */
  readonly leftOut: readonly HostName[];
  /** An unwaived failure of a host, measured or declared, under whatever mode. */
  readonly hasFailures: boolean;
}

/** A host's journal, verified. */
export interface PacketJournal {
  readonly ran: readonly RanSpan[];
  readonly events: readonly VerifiedEvent[];
  /** What may have run, from each instant up to the next; null: anything. */
  readonly closures: readonly { readonly from: Instant; readonly closures: readonly StorePath[] | null }[];
}

/** What the packet's verification needs beside the packet. */
export interface PacketPorts {
  /** Hash of a git object, by the length of the commit's name. */
  readonly gitHash: (algorithm: 'sha1' | 'sha256', bytes: Uint8Array) => Promise<string>;
  /** Verifies a host's journal against the keys that releases declare, and says what it ran and what is in it. */
  readonly readJournal: (
    question: HostQuestion,
    events: readonly SignedEvent[],
  ) => Promise<PacketJournal | { readonly problem: string }>;
}

/** What one host came to. */
export interface HostOutcome {
  readonly findings: HostFindings;
  /** The first `breaksMax`. */
  readonly breaks: readonly Break[];
}

/** Most breaks that are listed; a packet that is broken throughout is not described one by one. */
export const breaksMax = 1000;

export type Note = (code: BreakCode, where: string, detail: string) => void;

/** Takes notes into a list, up to its bound. What is wrong with a file is said once: it may be read for several hosts. */
export function noteInto(breaks: Break[]): Note {
  const known = new Set<string>();
  return (code, where, detail) => {
    const key = JSON.stringify([code, where, detail]);
    if (known.has(key) || breaks.length >= breaksMax) return;
    if (code === 'file') known.add(key);
    breaks.push({ code, where, detail: detail.slice(0, 500) });
  };
}
