import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FleetName, HostName, Instant, Sha256Hex } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import {
  type HostOutcome,
  type HostQuestion,
  type KnownManifests,
  type PacketReader,
  verifyHost,
} from '@nixfleet/evidence';
import { collectedEvidence, signedFiles } from './collected-evidence.ts';
import { writeEvidenceArchive } from './evidence-archive.ts';
import { openPacket } from './open-packet.ts';
import { packetPorts } from './packet-ports.ts';

/** Put the collections of one host within a period into one archive. */
export interface ArchiveTask {
  readonly kind: 'archive';
  readonly host: HostName;
  /** Folder of collected evidence, one folder a host in it. */
  readonly evidence: string;
  readonly from: Instant;
  readonly to: Instant;
  /** Where the archive is written. */
  readonly path: string;
}

/** Verify one host of a packet. */
export interface VerifyTask {
  readonly kind: 'verify';
  readonly host: HostName;
  readonly packet: string;
  readonly fleet: FleetName;
  readonly question: HostQuestion;
}

export type HostTask = ArchiveTask | VerifyTask;

/** What an archive came to. */
export interface Archived {
  readonly collections: number;
  /** Releases that the collections name. */
  readonly releases: readonly string[];
  /** Rollouts that they name. */
  readonly rollouts: readonly string[];
  /** Catalogues that they were collected under. */
  readonly catalogues: readonly Sha256Hex[];
  /** Files that were passed over, and why; the first `skippedMax`. */
  readonly skipped: readonly { readonly path: string; readonly why: string }[];
}

const skippedMax = 100;

export interface HostAnswers {
  readonly archive: Archived;
  readonly verify: HostOutcome;
}

/** Does what is asked of one host at a time; keeps what the next host of the same packet needs as well. */
export class HostWork {
  #opened: { readonly packet: string; readonly reader: PacketReader; readonly manifests: KnownManifests } | null = null;

  do(task: HostTask): Promise<HostAnswers[HostTask['kind']]> {
    return task.kind === 'archive' ? this.#archive(task) : this.#verify(task);
  }

  async #archive({ host, evidence, from, to, path }: ArchiveTask): Promise<Archived> {
    const skipped: { path: string; why: string }[] = [];
    const files = await collectedEvidence(evidence, { host, from, to }, (where, why) => {
      if (skipped.length < skippedMax) skipped.push({ path: where, why });
    });
    await mkdir(dirname(path), { recursive: true });
    const collections = await writeEvidenceArchive(path, signedFiles(files));
    const released = files.flatMap(({ document }) => document.release ?? []);
    return {
      collections,
      releases: sorted(released.map(({ releaseId }) => releaseId)),
      rollouts: sorted(released.map(({ rolloutId }) => rolloutId)),
      catalogues: sorted(files.map(({ document }) => document.catalogue.sha256)),
      skipped,
    };
  }

  async #verify({ packet, fleet, question }: VerifyTask): Promise<HostOutcome> {
    if (this.#opened?.packet !== packet) {
      this.#opened = { packet, reader: await openPacket(packet), manifests: new Map() };
    }
    const { reader, manifests } = this.#opened;
    const ctx = { crypto: nodeCrypto, fleet };
    return verifyHost(ctx, reader, { question, manifests, ports: packetPorts(ctx) });
  }
}

function sorted<Name extends string>(names: readonly Name[]): readonly Name[] {
  return [...new Set(names)].sort();
}
