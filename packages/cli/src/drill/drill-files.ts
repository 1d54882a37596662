import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  canonicalBytes,
  DrillPlan,
  DrillRecord,
  documentBytesMax,
  type FleetName,
  type Json,
  parseMessage,
  readDocument,
  sshsigCharactersMax,
} from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';

/** The drill that the next release is. */
export function planPath(repository: string): string {
  return join(repository, 'compliance', 'drill.json');
}

/** Where a fleet's repository keeps its records: `<id>.json`, and `<id>.json.<keyId>.sshsig` beside it. */
export function drillsFolder(repository: string): string {
  return join(repository, 'compliance', 'drills');
}

/** A record with the signatures beside it, as they lie in a folder. */
export interface DrillFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly document: DrillRecord;
  /** Name of the file to armoured SSHSIG. */
  readonly signatures: ReadonlyMap<string, string>;
}

const recordName = /^D-\d{4}-\d{4}\.json$/;
const signatureName = /\.([0-9a-f]{64})\.sshsig$/;
const planBytesMax = 64 * 1024;

/** Null where no drill is under way. Throws `CliError` for a file that is none. */
export async function readPlan(repository: string): Promise<DrillPlan | null> {
  const path = planPath(repository);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new CliError('failed', `${path}: cannot be read`, 'check its permissions', { cause: error });
  });
  if (bytes === null) return null;
  const parsed = bytes.length > planBytesMax ? null : parseMessage(DrillPlan, bytes);
  if (parsed?.ok) return parsed.value;
  throw new CliError(
    'failed',
    `${path}: ${parsed?.detail ?? 'too large'}`,
    'write it with nixfleet compliance drill start',
  );
}

export async function writePlan(repository: string, plan: DrillPlan): Promise<string> {
  const path = planPath(repository);
  await mkdir(join(repository, 'compliance'), { recursive: true });
  await writeFile(path, `${JSON.stringify(plan, null, 2)}\n`, { flag: 'wx' });
  return path;
}

export async function removePlan(repository: string): Promise<void> {
  await rm(planPath(repository), { force: true });
}

/** The records of a folder, by identifier; none where it is not there. Throws `CliError` for one that is none. */
export async function readDrills(folder: string, fleet: FleetName): Promise<readonly DrillFile[]> {
  const names = [...(await namesIn(folder))].sort();
  const files: DrillFile[] = [];
  for (const name of names.filter((one) => recordName.test(one))) {
    const path = join(folder, name);
    const bytes = new Uint8Array(await readFile(path));
    const read =
      bytes.length > documentBytesMax.drill ? null : readDocument(fleet, { type: 'drill', schema: DrillRecord }, bytes);
    if (!read?.ok) {
      const why = read ? `${read.reason}: ${read.detail}` : 'too large';
      throw new CliError('failed', `${path}: ${why}`, 'write it with nixfleet compliance drill record');
    }
    const signatures = new Map<string, string>();
    for (const other of names) {
      if (!other.startsWith(`${name}.`) || !signatureName.test(other)) continue;
      const armored = await readFile(join(folder, other), 'utf8');
      if (armored.length <= sshsigCharactersMax) signatures.set(other, armored);
    }
    files.push({ path, bytes, document: read.value.document, signatures });
  }
  return files;
}

/** The first number of this year that no record has. */
export async function nextDrillId(repository: string, year: string): Promise<string> {
  const taken = (await namesIn(drillsFolder(repository)))
    .filter((name) => recordName.test(name) && name.startsWith(`D-${year}-`))
    .map((name) => Number(name.slice(7, 11)));
  return `D-${year}-${String(Math.max(0, ...taken) + 1).padStart(4, '0')}`;
}

/** Never over one that is there. */
export async function writeRecord(
  repository: string,
  record: DrillRecord,
): Promise<{ readonly path: string; readonly bytes: Uint8Array }> {
  const folder = drillsFolder(repository);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${record.id}.json`);
  const bytes = canonicalBytes(record as unknown as Json);
  await writeFile(path, bytes, { flag: 'wx' });
  return { path, bytes };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new CliError('failed', `${folder}: cannot be read`, 'check its permissions', { cause: error });
  });
}
