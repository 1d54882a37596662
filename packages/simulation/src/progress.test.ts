import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings, runsIn, runsOf } from './main.ts';
import { Progress } from './progress.ts';

test('many runs are told of now and then, and a long one by the day', () => {
  const lines: string[] = [];
  const progress = new Progress(100, (line) => lines.push(line));
  for (let i = 0; i < 100; i++) progress.ended(i !== 4);
  assert.equal(lines.length, 34);
  assert.deepEqual([lines[0], lines.at(-1)], ['3 of 100 runs', '100 of 100 runs, 1 broken']);
  lines.length = 0;
  for (let hour = 1; hour <= 48; hour++) progress.hours({ seed: 7, hosts: 500, hours: 168 }, hour);
  progress.hours({ seed: 8, hosts: 20, hours: 6 }, 6);
  assert.deepEqual(lines, ['seed 7 with 500 hosts: 24 of 168 h', 'seed 7 with 500 hosts: 48 of 168 h']);
});

test('a setting that is no number is told by its name', () => {
  assert.equal(parseSettings(['--seeds', '300', '--week']).hasWeek, true);
  assert.throws(() => parseSettings(['--seeds', 'many']), /SEEDS=many: expected a whole number/);
});

test('machines that share the runs play each once, and one of them the week', () => {
  const settings = [1, 2, 3].map((i) => parseSettings(['--seed', '5', '--seeds', '7', '--week', '--shard', `${i}/3`]));
  const shares = settings.map((one) => [...runsOf(one)]);
  assert.deepEqual(
    settings.map(runsIn),
    shares.map(({ length }) => length),
  );
  assert.equal(runsIn(parseSettings(['--seeds', '1', '--shard', '3/10'])), 0);
  assert.deepEqual(
    shares.map((runs) => runs.map(({ seed, hosts }) => `${seed} of ${hosts}`)),
    [
      ['5 of 500', '5 of 20', '8 of 20', '11 of 20'],
      ['6 of 20', '9 of 20'],
      ['7 of 20', '10 of 20'],
    ],
  );
  for (const wrong of ['0/3', '4/3', '3', '1/0', 'a/b', '1/3/5'])
    assert.throws(() => parseSettings(['--shard', wrong]), /SHARD=.*: expected which machine of how many/, wrong);
});
