import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { addSeconds, type EvidenceDocument } from '@nixfleet/contracts';
import { runNixfleet } from '../testing/run-nixfleet.ts';
import { PacketLab, web } from './packet-lab.test.ts';

let lab: PacketLab;

before(async () => {
  lab = await PacketLab.create();
  // The head of the last release has run out.
  await lab.fleet.signHead();
});
after(() => rm(lab.root, { recursive: true, force: true }));

/** A packet of the last day, with a collection on the rollout of the first day, which may finish under the second release. */
async function breaksWith(
  name: string,
  change: { readonly catalogueSha256?: never },
): Promise<readonly { readonly code: string; readonly where: string; readonly detail: string }[]> {
  const evidence = lab.evidence.get(web) ?? assert.fail();
  const first = evidence.collections[0]?.document ?? assert.fail();
  const last = evidence.collections.at(-1)?.document.release ?? assert.fail();
  const release: EvidenceDocument['release'] = { ...(first.release ?? assert.fail()), ...withoutRollout(last) };
  const at = addSeconds(lab.to, -1800);
  const collection = await evidence.collect({
    ...{ at, signedBy: 'host:web-1-new' },
    change: { ...change, facts: { release, system: first.system } },
  });
  evidence.collections.pop();
  const root = lab.at(name);
  await cp(lab.at('evidence', web), lab.at(name, web), { recursive: true });
  await lab.write(`../${name}/${web}`, collection);
  // The lab's host has long been on the second release, and its journal says so.
  await rm(lab.at(name, web, 'journal.jsonl'));
  const run = await runNixfleet([
    ...['compliance', 'packet', 'create', '--from', addSeconds(lab.from, 30 * 3600), '--to', lab.to, '--json'],
    ...['--evidence', root, '--output', lab.at(`${name}-packet`)],
    ...['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json')],
  ]);
  return JSON.parse(run.stdout).breaks;
}

/** What a later release says of itself, rollout and manifest aside. */
function withoutRollout({ releaseId, sourceCommit }: NonNullable<EvidenceDocument['release']>) {
  return { releaseId, sourceCommit };
}

test('evidence of a rollout that finishes is held against the release that had it as its own, which is in the packet', async () => {
  assert.deepEqual(await breaksWith('finishing', {}), []);
});

test('closure-mismatch: evidence of a rollout that finishes, under another catalogue than was released with it', async () => {
  const breaks = await breaksWith('other-catalogue', { catalogueSha256: 'f'.repeat(64) as never });
  assert.deepEqual(
    breaks.filter(({ where }) => where === web).map(({ code }) => code),
    ['closure-mismatch'],
  );
});
