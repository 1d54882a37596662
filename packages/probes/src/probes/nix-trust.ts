import { nixSettings } from '../nix-settings.ts';
import { probe, type Violation } from '../probe.ts';

export const nixTrust = probe({
  name: 'nix-trust',
  summary: 'where Nix takes paths from and by whose signature, as it holds now',
  arguments: {
    substituter: { kind: 'list', what: 'allowed substituter' },
    key: { kind: 'list', what: 'allowed key, `name:base64`' },
    trustedUser: { kind: 'list', what: 'who may change these settings, beside root' },
  },
  facts: {
    substituters: 'where paths come from',
    keys: 'names of trusted keys',
    requireSigs: 'whether signatures are asked for',
  },
  violations: ['substituter', 'key', 'unsigned', 'trusted-substituter', 'trusted-user'],
  root: null,
  async measure(machine, { substituter, key, trustedUser }) {
    const settings = await nixSettings(machine);
    const list = (name: string): string[] => (settings.get(name) ?? '').split(/\s+/).filter(Boolean);
    const plain = (url: string): string => url.replace(/\?.*$/, '').replace(/\/$/, '');
    const allowed = new Set(substituter.map(plain));
    const violations: Violation[] = [];
    const all = [...new Set([...list('substituters'), ...list('extra-substituters'), ...list('trusted-substituters')])];
    for (const one of all) {
      if (!allowed.has(plain(one))) violations.push({ what: 'substituter', subject: one });
      // Such a place needs no signatures (nix.conf(5), store settings).
      if (/[?&]trusted=(?:true|1)\b/.test(one)) violations.push({ what: 'trusted-substituter', subject: one });
    }
    const keys = [...list('trusted-public-keys'), ...list('extra-trusted-public-keys')];
    for (const one of keys) if (!key.includes(one)) violations.push({ what: 'key', subject: one.split(':')[0] ?? '' });
    if (settings.get('require-sigs') !== 'true')
      violations.push({
        what: 'unsigned',
        subject: 'require-sigs',
        observed: settings.get('require-sigs') ?? null,
        expected: 'true',
      });
    for (const one of list('trusted-users'))
      if (one !== 'root' && !trustedUser.includes(one))
        violations.push(
          one.startsWith('@') || one === '*'
            ? { what: 'trusted-user', subject: one }
            : { what: 'trusted-user', user: one },
        );
    return {
      facts: {
        substituters: all,
        keys: keys.map((one) => one.split(':')[0] ?? ''),
        requireSigs: settings.get('require-sigs') === 'true',
      },
      violations,
    };
  },
});
