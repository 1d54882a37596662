import { readPamService } from '../pam.ts';
import { probe, type Violation } from '../probe.ts';

export const privateFolders = probe({
  name: 'private-folders',
  summary: 'that people who log in have temporary folders of their own',
  arguments: {
    folder: { kind: 'list', what: 'folder that has to be private; default /tmp, /var/tmp' },
    service: { kind: 'list', what: 'PAM service; default login, sshd; one that is not there is passed by' },
  },
  facts: { services: 'services that were looked at', folders: 'folders that namespace.conf makes private' },
  violations: ['no-namespace', 'shared-folder', 'no-service'],
  root: null,
  measure(machine, { folder, service }) {
    const violations: Violation[] = [];
    const services: string[] = [];
    for (const name of service.length > 0 ? service : ['login', 'sshd']) {
      const lines = readPamService(machine, name);
      if (lines === null) continue;
      services.push(name);
      // An optional line may fail, and the login goes on in the folder of everybody.
      const line = lines.find(({ kind, module }) => kind === 'session' && module === 'pam_namespace');
      if (line?.control !== 'required' && line?.control !== 'requisite')
        violations.push({ what: 'no-namespace', subject: name, observed: line?.control ?? null, expected: 'required' });
    }
    if (services.length === 0) violations.push({ what: 'no-service', subject: '/etc/pam.d' });
    const more = (machine.list('/etc/security/namespace.d') ?? []).map((name) => `/etc/security/namespace.d/${name}`);
    const texts = ['/etc/security/namespace.conf', ...more].map((path) => machine.read(path) ?? '');
    const folders = texts.flatMap((text) =>
      [...text.matchAll(/^\s*(\/\S+)\s+\S+\s+\S+/gm)].map(([, path = '']) => path),
    );
    for (const one of folder.length > 0 ? folder : ['/tmp', '/var/tmp'])
      if (!folders.includes(one)) violations.push({ what: 'shared-folder', subject: one });
    return { facts: { services, folders }, violations };
  },
});
