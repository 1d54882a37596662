import { ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';

/** One line of a PAM service, includes resolved (pam.d(5)). */
export interface PamLine {
  readonly kind: string;
  /** `required`, `sufficient`, …, or what stands in brackets. */
  readonly control: string;
  /** File name without folder and `.so`. */
  readonly module: string;
  readonly options: readonly string[];
}

const includesMax = 64;
const line = /^(-?(?:auth|account|password|session))\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)$/i;

/** The lines of a service as libpam joins them; null where there is no such service. */
export function readPamService(machine: Machine, service: string): PamLine[] | null {
  let files = 0;
  const read = (name: string, only: string | null): PamLine[] | null => {
    if (++files > includesMax) throw new ProbeError('oversized', `PAM: ${service}: more than ${includesMax} files`);
    const text = machine.read(name.startsWith('/') ? name : `/etc/pam.d/${name}`);
    if (text === null) return null;
    const lines: PamLine[] = [];
    for (const raw of text.replaceAll('\\\n', ' ').split('\n')) {
      const clean = raw.replace(/#.*$/, '').trim();
      if (clean === '') continue;
      const at = /^@include\s+(\S+)$/.exec(clean)?.[1];
      if (at !== undefined) {
        lines.push(...mustBe(read(at, only), at));
        continue;
      }
      const [, kind = '', control = '', target = '', rest = ''] = line.exec(clean) ?? [];
      if (kind === '') throw new ProbeError('malformed', `PAM: ${name}: ${clean}`);
      const bare = kind.replace('-', '').toLowerCase();
      if (only !== null && bare !== only) continue;
      if (control === 'include' || control === 'substack') lines.push(...mustBe(read(target, bare), target));
      else lines.push({ kind: bare, control, module: moduleOf(target), options: rest.split(/\s+/).filter(Boolean) });
    }
    return lines;
  };
  return read(service, null);
}

/** Whether a failure of the line is one of the whole. */
export function isMandatory({ control }: PamLine): boolean {
  return control === 'required' || control === 'requisite' || /\bdefault=(?:die|bad)\b/.test(control);
}

function moduleOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.so$/, '');
}

function mustBe(lines: PamLine[] | null, name: string): PamLine[] {
  if (lines === null) throw new ProbeError('unreadable', `/etc/pam.d/${name}: is included and not there`);
  return lines;
}

/** Modules that ask for something a person has. */
const secondFactors = [
  'pam_oath',
  'pam_google_authenticator',
  'pam_u2f',
  'pam_yubico',
  'pam_duo',
  'pam_rssh',
  'pam_pkcs11',
  'pam_fprintd',
];

export interface SecondFactor {
  /** Null: the service asks for none. */
  readonly module: string | null;
  /** Why it does not hold; null: it does. */
  readonly problem: 'no-second-factor' | 'second-factor-optional' | 'passed-by' | null;
  readonly observed: string | null;
}

/** The second factor of a service, and whether one can get by it; null where there is no such service. */
export function secondFactorOf(machine: Machine, service: string, more: readonly string[] = []): SecondFactor | null {
  const auth = readPamService(machine, service)?.filter(({ kind }) => kind === 'auth');
  if (!auth) return null;
  const at = auth.findIndex((one) => secondFactors.includes(one.module) || more.includes(one.module));
  const found = auth[at];
  if (!found) return { module: null, problem: 'no-second-factor', observed: null };
  const { module } = found;
  if (!isMandatory(found) || found.options.includes('nullok'))
    return { module, problem: 'second-factor-optional', observed: found.control };
  // A line before it that ends the stack with success, or jumps over it, leaves it out.
  const passing = auth.slice(0, at).find(({ control }, index) => {
    if (control === 'sufficient' || /\bsuccess=done\b/.test(control)) return true;
    const jump = /\bsuccess=(\d+)/.exec(control)?.[1];
    return jump !== undefined && index + Number(jump) >= at;
  });
  if (passing) return { module, problem: 'passed-by', observed: passing.module };
  return { module, problem: null, observed: null };
}
