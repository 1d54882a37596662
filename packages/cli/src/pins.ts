import { readFile } from 'node:fs/promises';
import { documentBytesMax, TrustDocument } from '@nixfleet/contracts';
import { CliError } from './cli-error.ts';
import { type Settings, settingSources } from './config/settings.ts';

/** SHA-256 of the SPKI of every server key that is accepted: the `pins` setting, or those of the `trust` document. */
export async function pinsOf({ values, file }: Settings): Promise<ReadonlySet<string>> {
  if (values.pins) return new Set(values.pins);
  if (values.trust) {
    const document = await readTrustFile(values.trust);
    return new Set(document.controlPlanes.map(({ spkiSha256 }) => spkiSha256));
  }
  const { option, variable } = settingSources.trust;
  const next = `pass --${option} with the newest trust document (or --pin), set ${variable}, or write trust in ${file.path}`;
  throw new CliError('usage', 'no control plane key is pinned', next);
}

/** A trust document that this machine's owner put here: its shape is checked, and its origin is what makes it trusted. */
async function readTrustFile(path: string): Promise<TrustDocument> {
  const bytes = await readFile(path);
  const wrong = (what: string): CliError => new CliError('usage', `${path}: ${what}`, 'name a trust/<n>.json');
  if (bytes.length > documentBytesMax.trust) throw wrong(`larger than ${documentBytesMax.trust} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw wrong('not JSON');
  }
  const parsed = TrustDocument.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw wrong(`not a trust document (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`);
}
