/**
 * Changes every predicate of every rule in turn, and says which changes no fixture notices:
 *
 *   node tests/nix/compliance/mutate-main.ts
 *
 * Fails if fewer than 95 % are noticed. The test beside it looks at all expectations and at a sample of the texts.
 */
import { mutateExpectations, mutateText, textMutants } from './mutate.ts';

const caughtMinPercent = 95;

const surveys = { expectations: await mutateExpectations(), texts: await mutateText(await textMutants()) };
let isEnough = true;
for (const [name, { mutants, survivors }] of Object.entries(surveys)) {
  const percent = (100 * (mutants - survivors.length)) / mutants;
  for (const survivor of survivors) process.stdout.write(`not noticed: ${survivor}\n`);
  process.stdout.write(`${name}: ${mutants} mutants, ${percent.toFixed(1)} % noticed\n`);
  isEnough &&= percent >= caughtMinPercent;
}
process.exitCode = isEnough ? 0 : 1;
