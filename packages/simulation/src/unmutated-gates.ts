/**
 * Places of `gateSites` that no mutation switches off, each with what makes that right. What stands behind another check
 * changes nothing when it goes alone: its own test, named by its package, sees it fail.
 */
export const unmutatedGates: Readonly<Record<string, string>> = {
  ...because('says what a host is at, and keeps nobody back', [
    'decide-drifted.ts: offline',
    'decide-host.ts: in-progress',
    'decide-reboot.ts: offline',
    'decide-trial.ts: trial',
    'plan.ts: not-in-rollout',
    'reported.ts: failed',
    'reported.ts: in-progress',
    'reported.ts: soak',
    'reported.ts: trial',
    'summarise.ts: waiting-for-rollout',
  ]),
  ...because('a source has not got it, or too much of it: nothing is there to be acted on', [
    'directory-source.ts: missing',
    'document-source.ts: missing',
    'git-mirror-source.ts: missing',
    'git-mirror-source.ts: oversized',
    'https-mirror-source.ts: missing',
    'https-mirror-source.ts: oversized',
    'intent-source.ts: missing',
    'intent-source.ts: oversized',
    'trust-walk.ts: oversized',
    'verify-receipts.ts: oversized',
    'walk-trust.ts: oversized',
  ]),
  ...because('of a port that is a variable here; its own tests run the real Nix and the real machine', [
    'dead-man.ts: activation-lock-busy',
    'fetch-closure.ts: disk-full',
    'nix-refusal.ts: closure-unavailable',
    'nix-refusal.ts: disk-full',
    'nix-commands.ts: disk-full',
    'profile-host.ts: not-a-system',
  ]),
  ...because('only signers could make such a document, and their own tools refuse to', [
    'parse-document.ts: invalid',
    'parse-document.ts: unknown-requirement',
    'parse-document.ts: unsupported-schema',
    'parse-document.ts: wrong-fleet',
    'parse-document.ts: wrong-type',
    'trust-keys.ts: invalid',
    'verify-fleet.ts: invalid',
    'verify-fleet.ts: unknown-channel',
    'verify-head.ts: invalid',
    'verify-manifest.ts: invalid',
    'verify-manifest.ts: wrong-channel',
    'verify-manifest.ts: wrong-version',
    'verify-release.ts: wrong-version',
    'verify-trial.ts: invalid',
    'verify-trial.ts: unknown-host',
    'verify-trial.ts: wrong-channel',
    'verify-trial.ts: wrong-host',
  ]),
  ...because('a hold can only stop, and one that is refused stops like one that is accepted', [
    'verify-hold.ts: expired',
    'verify-hold.ts: future-dated',
    'verify-hold.ts: hash-mismatch',
    'verify-hold.ts: invalid',
  ]),
  ...because('bytes of another size have another hash, which is compared next', [
    'verify-fleet.ts: size-mismatch',
    'verify-manifest.ts: size-mismatch',
    'verify-release.ts: size-mismatch',
  ]),
  ...because('behind another check: the signatures and versions of the very bytes', [
    'trust-walk.ts: equivocation',
    'trust-walk.ts: trust-behind',
    'verify-release.ts: hash-mismatch',
    'verify-release.ts: trust-behind',
    'walk-trust.ts: equivocation',
    'walk-trust.ts: rolled-back',
    'walk-trust.ts: trust-gap',
  ]),
  ...because('behind another check: what is verified comes from the manifest, never from the go or the receipt', [
    'intent.ts: wrong-rollout',
    'intent.ts: wrong-version',
    'intent.ts: wrong-wave',
    'verify-manifest.ts: unknown-channel',
    'verify-manifest.ts: unknown-host',
    'verify-receipts.ts: unknown-host',
    'verify-receipts.ts: wrong-closure',
    'verify-receipts.ts: wrong-wave',
  ]),
  ...because('behind another check: time has reached every head that was accepted', ['brake.ts: head-from-the-future']),
  ...because('behind another check: without floors or documents there is no intent', [
    'brake.ts: floor-lost',
    'effect-runner.ts: floor-unreadable',
    'verify-head.ts: expired',
  ]),
  ...because('behind another check: a host sends its journal with the first reply, before it could be let go', [
    'decide-host.ts: unheard-after-rebuild',
    'decide-trial.ts: unheard-after-rebuild',
  ]),
  ...because(
    'order among boots, and repetitions that the other side refuses: plan-reboots and plan-trials tests see it',
    [
      'activate.ts: trial-needs-reboot',
      'decide-drifted.ts: quarantined',
      'decide-reboot.ts: wave',
      'decide-trial.ts: offline',
      'decide-trial.ts: quarantined',
      'reboot.ts: reboot-refused',
      'verify-trial.ts: expired',
    ],
  ),
};

function because(why: string, sites: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(sites.map((site) => [site, why]));
}
