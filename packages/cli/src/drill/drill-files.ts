import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DrillPlan,
  DrillRecord,
  documentBytesMax,
  type FleetName,
  parseMessage,
  readDocument,
} from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import { type ApprovedFile, readApprovedFiles } from '../compliance/approved-files.ts';

/** The drill that the next release is. */
export function planPath(repository: string): string {
  return join(repository, 'compliance', 'drill.json');
}

/** Where a fleet's repository keeps its records: `<id>.json`, and `<id>.json.<keyId>.sshsig` beside it. */
export function drillsFolder(repository: string): string {
  return join(repository, 'compliance', 'drills');
}

export interface DrillFile extends ApprovedFile {
  readonly document: DrillRecord;
}

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
  const files = await readApprovedFiles(folder, { letter: 'D', bytesMax: documentBytesMax.drill });
  return files.map((file) => {
    const read = readDocument(fleet, { type: 'drill', schema: DrillRecord }, file.bytes);
    if (read.ok) return { ...file, document: read.value.document };
    const why = `${read.reason}: ${read.detail}`;
    throw new CliError('failed', `${file.path}: ${why}`, 'write it with nixfleet compliance drill record');
  });
}
