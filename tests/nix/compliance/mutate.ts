import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluate, repositoryRoot } from '../nix.ts';
import { type TextMutant, textMutantsOf } from './text-mutants.ts';

export interface Survey {
  readonly mutants: number;
  /** What no fixture noticed. */
  readonly survivors: readonly string[];
}

/** Mutants that one evaluation looks at; an evaluation that fails is repeated for each alone. */
const batchSize = 24;

/** Every check of every rule, asked otherwise: one evaluation. */
export async function mutateExpectations(): Promise<Survey> {
  const result = await evaluate({
    expression: '(import ./tests/nix/compliance/mutants.nix).ofExpectations (import ./nix/compliance)',
  });
  if (!result.ok) throw new Error(result.message);
  const all = result.value as { mutant: string; isCaught: boolean }[];
  return { mutants: all.length, survivors: all.filter(({ isCaught }) => !isCaught).map(({ mutant }) => mutant) };
}

const ours = join(repositoryRoot, 'nix', 'compliance');
/** A file that a control is made with, and that control. */
const partOf: Readonly<Record<string, string>> = {
  'drills.nix': 'disaster-recovery.nix',
  'kernel-settings.nix': 'baseline-hardening.nix',
};
/** What several controls read configurations with, and parts of single ones. */
const shared = ['checks.nix', ...Object.keys(partOf)];

/** Every mutant of the controls' text, and of what they share. */
export async function textMutants(): Promise<TextMutant[]> {
  const controls = (await readdir(join(ours, 'controls'))).filter((file) => file !== 'default.nix').sort();
  const files = [...controls.map((file) => `controls/${file}`), ...shared];
  const found = await Promise.all(
    files.map(async (file) => textMutantsOf(file, await readFile(join(ours, file), 'utf8'))),
  );
  return found.flat();
}

/** Which of these mutants no fixture notices. One that Nix cannot evaluate at all is noticed. */
export async function mutateText(mutants: readonly TextMutant[]): Promise<Survey> {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-mutants-'));
  try {
    await cp(join(repositoryRoot, 'nix'), join(folder, 'nix'), { recursive: true });
    const place = join(folder, 'nix', 'compliance');
    const named: Named[] = [];
    for (const [at, mutant] of mutants.entries()) {
      const path = join(place, 'controls', `${at}.nix`);
      const besides = join(place, `${at}.nix`);
      const whole = partOf[mutant.file];
      if (whole !== undefined) {
        const control = await readFile(join(ours, 'controls', whole), 'utf8');
        await writeFile(besides, mutant.text);
        await writeFile(path, control.replace(`../${mutant.file}`, `../${at}.nix`));
        named.push({ mutant, caught: `caught { } ${path}` });
      } else if (mutant.file === 'checks.nix') {
        await writeFile(besides, mutant.text);
        named.push({ mutant, caught: `caughtByAny ${besides}` });
      } else {
        await writeFile(path, mutant.text);
        named.push({ mutant, caught: `caught { } ${path}` });
      }
    }
    const survivors: string[] = [];
    for (let at = 0; at < named.length; at += batchSize) {
      for (const { mutant } of await survivorsOf(folder, named.slice(at, at + batchSize)))
        survivors.push(`${mutant.file}:${mutant.line}: ${mutant.what}`);
    }
    return { mutants: mutants.length, survivors };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** `caught`: Nix for whether some fixture notices the mutant. */
interface Named {
  readonly mutant: TextMutant;
  readonly caught: string;
}

async function survivorsOf(folder: string, batch: readonly Named[]): Promise<readonly Named[]> {
  const expression = `
    let
      compliance = import ${folder}/nix/compliance;
      inherit (import ./tests/nix/compliance/mutants.nix) isCaught;
      caught = replaced: file: let tried = builtins.tryEval (isCaught (compliance.controlFrom replaced file)); in !tried.success || tried.value;
      caughtByAny = checks: builtins.any (caught { checks = import checks { lib = import ${folder}/nix/lib; }; })
        (import ${folder}/nix/compliance/controls);
    in [ ${batch.map(({ caught }) => `(${caught})`).join(' ')} ]`;
  const result = await evaluate({ expression });
  if (result.ok) return batch.filter((_, at) => (result.value as boolean[])[at] !== true);
  if (batch.length === 1) return [];
  const middle = Math.ceil(batch.length / 2);
  return [...(await survivorsOf(folder, batch.slice(0, middle))), ...(await survivorsOf(folder, batch.slice(middle)))];
}
