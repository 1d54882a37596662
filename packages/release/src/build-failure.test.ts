import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failureLines, failureLinesMax, parseBuildFailures, tailOfLog } from './build-failure.ts';

const library = '/nix/store/r1khp7m5wwdmr5x0si7r08bb6jwbcfwa-libbroken-1.drv';
const system = '/nix/store/b3ps2y87mz85b175y8qx64yz19w1jc2w-nixos-system-c.drv';

/** What `nix-store --realise --keep-going` prints when a dependency of a system does not build, by version. */
const shapes = new Map([
  [
    '2.8',
    `these 2 derivations will be built:
  ${library}
building '${library}'...
compile 15
error: undefined reference to main
error: builder for '${library}' failed with exit code 3
error: 1 dependencies of derivation '${system}' failed to build
error: build of '${system}' failed`,
  ],
  [
    '2.9 to 2.28 and Lix',
    `error: builder for '${library}' failed with exit code 3;
       last 2 log lines:
       > compile 15
       > error: undefined reference to main
       For full logs, run 'nix log ${library}'.
error: 1 dependencies of derivation '${system}' failed to build`,
  ],
  [
    '2.29 on, coloured',
    `\u001b[31;1merror:\u001b[0m Cannot build '\u001b[35;1m${library}\u001b[0m'.
       Reason: \u001b[31;1mbuilder failed with exit code 3\u001b[0m.
       Output paths:
         /nix/store/zzxaq8vkjj9n5jw9kwb7c7c2l0n4qg1c-libbroken-1
       Last 2 log lines:
       > compile 15
       > error: undefined reference to main
       For full logs, run:
         nix log ${library}
error: Cannot build '${system}'.
       Reason: 1 dependency failed.
       Output paths:
         /nix/store/yyxaq8vkjj9n5jw9kwb7c7c2l0n4qg1c-nixos-system-c
error: Build failed due to failed dependency`,
  ],
]);

describe('what failed in a build', () => {
  for (const [version, output] of shapes) {
    test(`Nix ${version}: the cause, not what needs it`, () => {
      const [failure, ...others] = parseBuildFailures(output.split('\n'));
      assert.deepEqual(others, []);
      assert.equal(failure?.derivation, library);
      assert.equal(failure.reason, 'builder failed with exit code 3');
      if (version !== '2.8') assert.deepEqual(failure.log, ['compile 15', 'error: undefined reference to main']);
      assert.equal(failureLines(failure)[0], 'libbroken-1: builder failed with exit code 3');
    });
  }

  test('a fixed output with another hash says both', () => {
    const output = `error: hash mismatch in fixed-output derivation '${library}':
         specified: sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
            got:    sha256-8uKVOtTi8SWcpfNwoRQJZtBbLgYuFXZgvA3PXtKNUFE=
error: 1 dependencies of derivation '${system}' failed to build`;
    const [failure] = parseBuildFailures(output.split('\n'));
    assert.ok(failure);
    assert.match(failureLines(failure).join('\n'), /hash mismatch.*\nspecified: sha256-A+=\ngot: +sha256-8uKV/);
  });

  test('output of builders that looks like it is bounded, and no path of ours', () => {
    const hostile = [
      "error: builder for '../../etc.drv' failed",
      "error: builder for '/nix/store/x.drv' failed",
      'error:',
    ];
    assert.deepEqual(parseBuildFailures(hostile), []);
    const long = parseBuildFailures([`error: builder for '${library}' failed`, ...Array(500).fill('       > x')]);
    assert.equal(long[0]?.log.length, failureLinesMax);
  });
});

test('the end of a log, without colours, control characters and empty lines', () => {
  const log = `${Array.from({ length: 50 }, (_, i) => `line ${i}`).join('\n')}\n\n\u0005\0Error\0 executing '\u001b[35;1m/bin/sh\u001b[0m': No such file\0\n`;
  const tail = tailOfLog(log);
  assert.equal(tail.length, failureLinesMax);
  assert.equal(tail.at(-1), "Error executing '/bin/sh': No such file");
  assert.deepEqual(tailOfLog(''), []);
});
