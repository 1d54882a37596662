import {
  Commit,
  closurePathsMax,
  documentBytesMax,
  FleetDocument,
  HostCompliance,
  HostName,
  Sha256Hex,
  Source,
  StorePath,
  SystemName,
  waiversMax,
} from '@nixfleet/contracts';
import { z } from 'zod';
import { drillsMax } from './drill-records.ts';
import { ReleaseError } from './errors.ts';

export const PackageName = z.object({ name: z.string().max(255), version: z.string().max(255) });

const BuiltHost = z.object({
  ok: z.literal(true),
  closure: StorePath,
  closureDigest: Sha256Hex,
  closureBytes: z.int().min(0),
  packages: z.array(PackageName).max(closurePathsMax),
  /** For a pinned host: the commit it was built from, or null for a closure that was taken as it is. */
  builtFrom: Commit.nullable().optional(),
  /** What its evaluation said of its compliance; null where it has no such module. */
  compliance: HostCompliance.nullable().optional(),
});

const FailedHost = z.object({
  ok: z.literal(false),
  step: z.enum(['evaluate', 'build', 'push', 'verify-cache']),
  /** The tail of what the tool said. */
  message: z.string().max(4000),
});

export const BuildHost = z.discriminatedUnion('ok', [BuiltHost, FailedHost]);
export type BuildHost = z.infer<typeof BuildHost>;
export type BuiltHost = z.infer<typeof BuiltHost>;

/**
 * What `nixfleet release build --system S` leaves behind: unsigned, no authority, input of `assemble`. `fleet` is the
 * resolved fleet it was built from, whole, so that builders of several systems can be compared before anything is signed.
 */
export const BuildResult = z.object({
  type: z.literal('build-result'),
  schemaVersion: z.literal(1),
  system: SystemName,
  source: Source,
  /** Checked, and kept as it is: parsing would drop fields that this version does not know. */
  fleet: z.custom<FleetDocument>((value) => FleetDocument.safeParse(value).success, 'not a resolved fleet'),
  hosts: z.record(HostName, BuildHost),
  /** Waivers of the source commit, as they lie there. */
  waivers: z
    .array(z.object({ waiver: z.string().max(16_384), sshSignatures: z.record(z.string(), z.string().max(4096)) }))
    .max(waiversMax)
    .optional(),
  /** Records of drills of the source commit, as they lie there. */
  drills: z
    .array(
      z.object({
        path: z.string().max(256),
        text: z.string().max(documentBytesMax.drill),
        sshSignatures: z.record(z.string(), z.string().max(4096)),
      }),
    )
    .max(drillsMax)
    .optional(),
});
export type BuildResult = z.infer<typeof BuildResult>;

/** Throws `ReleaseError` `bad-input` naming every bad field. */
export function parseBuildResult(value: unknown, origin: string): BuildResult {
  const parsed = BuildResult.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ReleaseError('bad-input', `${origin}: not a build result: ${z.prettifyError(parsed.error)}`);
}
