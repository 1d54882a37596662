import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixLines, isOptionLine, joinedLines } from './fix-lines.ts';

test('what Nix takes between braces is a line; the rest is for somebody to do', () => {
  for (const line of [
    'services.openssh.settings.PermitRootLogin = "no";',
    'boot.kernel.sysctl."kernel.sysrq" = 0; # or less',
    'fileSystems."/boot".options = [ "fmask=0077" ];',
    'imports = [ inputs.nixfleet.nixosModules.compliance ];',
  ])
    assert.ok(isOptionLine(line), line);
  for (const line of [
    'write deny = 5 there',
    'a.b = true; or c.d = true;',
    'boot.loader.grub.users.<name>.hashedPasswordFile = "/run/x";',
    'a.dataSets = [ "/var/lib/…" ];',
    'leave in a.b nothing but [ "lo" ]',
  ]) {
    assert.ok(!isOptionLine(line), line);
    assert.deepEqual(fixLines(line), [`by hand: ${line}`]);
  }
});

test('a line that names no option says where it goes', () => {
  assert.deepEqual(fixLines('write deny = 5 there', 'a.b'), ['by hand: at a.b: write deny = 5 there']);
  assert.deepEqual(fixLines('take it out of a.b', 'a.b'), ['by hand: take it out of a.b']);
});

test('lines of one option are one line: lists, and texts of whole lines', () => {
  assert.deepEqual(
    joinedLines([
      'boot.kernelParams = [ "a" ];',
      'boot.kernelParams = [ "b" "a" ];',
      'x.y = 1;',
      'x.y = 1;',
      'e.text = "deny = 5\\n";',
      'e.text = "unlock_time = 900\\n";',
      'f.flows = [ { from = 1; to = 2; } ];',
      'f.flows = [ { from = 3; to = 4; } ]; # or close it',
      'by hand: look',
      'by hand: look',
    ]),
    [
      'boot.kernelParams = [ "a" "b" ];',
      'x.y = 1;',
      'e.text = "deny = 5\\nunlock_time = 900\\n";',
      'f.flows = [ { from = 1; to = 2; } { from = 3; to = 4; } ];',
      'by hand: look',
    ],
  );
  assert.deepEqual(joinedLines(['x.y = "a";', 'x.y = "b";']), ['x.y = "b";'], 'of single values the last');
});
