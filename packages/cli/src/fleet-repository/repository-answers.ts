import { FleetName, HostName, OpensshPublicLine, OperatorName, SystemName } from '@nixfleet/contracts';
import { z } from 'zod';
import { httpsUrl } from '../config/https-url.ts';

export const ciKinds = ['forgejo', 'github', 'gitlab'] as const;
export type CiKind = (typeof ciKinds)[number];

/** Without characters that would end a string in Nix or YAML, or begin something in a shell. */
const plain = /^[A-Za-z0-9._~:/?#@!&*+,;=%[\]-]{1,1024}$/;
const plainText = (says: string) => z.string().regex(plain, says);

/** What a new fleet repository is made from. */
export const RepositoryAnswers = z.object({
  fleet: FleetName,
  host: HostName,
  system: SystemName,
  controlPlane: httpsUrl.refine((text) => plain.test(text), 'expected a URL without quotes and spaces'),
  cache: plainText('expected the URL of a binary cache'),
  releases: plainText('expected <git remote>#<branch>').regex(/#[A-Za-z0-9._/-]+$/, 'expected <git remote>#<branch>'),
  nixfleet: plainText('expected a flake reference'),
  ci: z.enum(ciKinds),
  operator: z.object({ name: OperatorName, pubkey: OpensshPublicLine }).nullable(),
});
export type RepositoryAnswers = z.infer<typeof RepositoryAnswers>;
