import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutateExpectations, mutateText, textMutants } from './mutate.ts';

/** Acceptance 1 of the compliance specification. `mutate-main.ts` looks at every text. */
const caughtMinPercent = 95;
/** Of the texts, every so many-th: a few seconds instead of a minute. */
const sampleEvery = 12;

test('a rule whose check asks otherwise is noticed by its fixtures', async () => {
  const { mutants, survivors } = await mutateExpectations();
  assert.ok(mutants > 700, `only ${mutants} mutants: are there fixtures?`);
  assert.ok(survivors.length <= (mutants * (100 - caughtMinPercent)) / 100, survivors.join('\n'));
});

test('a rule whose text is another is noticed by its fixtures', async () => {
  const all = await textMutants();
  const sample = all.filter((_, at) => at % sampleEvery === 0);
  assert.ok(sample.length > 60, `only ${all.length} mutants: is the text still read?`);
  const { survivors } = await mutateText(sample);
  assert.ok(survivors.length <= (sample.length * (100 - caughtMinPercent)) / 100, survivors.join('\n'));
});
