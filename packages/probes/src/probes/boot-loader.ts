import { inContainer } from '../container.ts';
import { probe, type Violation } from '../probe.ts';

export const bootLoader = probe({
  name: 'boot-loader',
  summary: 'that nobody at the console can change what is started',
  arguments: {},
  facts: { loader: 'systemd-boot, grub or null', editor: 'whether its entries can be edited without a password' },
  violations: ['editor', 'no-loader'],
  root: '/boot',
  measure(machine) {
    const elsewhere = inContainer(machine, 'the boot loader');
    if (elsewhere) return elsewhere;
    for (const boot of ['/boot', '/boot/efi', '/efi']) {
      const text = machine.read(`${boot}/loader/loader.conf`);
      if (text === null) continue;
      // Without a word, systemd-boot lets its entries be edited.
      const editor = /^\s*editor\s+(\S+)/m.exec(text)?.[1] ?? 'yes';
      const isOpen = !['no', '0', 'false', 'off'].includes(editor);
      const violations: Violation[] = isOpen
        ? [{ what: 'editor', subject: `${boot}/loader/loader.conf`, observed: editor, expected: 'no' }]
        : [];
      return { facts: { loader: 'systemd-boot', editor: isOpen }, violations };
    }
    const grub = machine.read('/boot/grub/grub.cfg', 4 * 1024 * 1024);
    if (grub === null)
      return { facts: { loader: null, editor: true }, violations: [{ what: 'no-loader', subject: '/boot' }] };
    const isLocked = /^\s*set\s+superusers=["']?[^"'\s]/m.test(grub) && /^\s*password_pbkdf2\s/m.test(grub);
    const violations: Violation[] = isLocked
      ? []
      : [{ what: 'editor', subject: 'grub.cfg', observed: 'no superusers with a password' }];
    return { facts: { loader: 'grub', editor: !isLocked }, violations };
  },
});
