import { ProbeError } from './errors.ts';

/** A base chain of `nft --json list ruleset` that filters what arrives. */
export interface InputChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly priority: number;
  readonly policy: string;
  /** Expressions of its rules, one list a rule. */
  readonly rules: readonly (readonly unknown[])[];
}

const rulesMax = 20_000;

/** Input chains, and rules of all chains by `family table chain`. */
export interface Ruleset {
  readonly inputs: readonly InputChain[];
  readonly chains: ReadonlyMap<string, readonly (readonly unknown[])[]>;
}

export function parseNft(text: string): Ruleset {
  let entries: unknown;
  try {
    entries = (JSON.parse(text) as { nftables?: unknown }).nftables;
  } catch {
    throw new ProbeError('malformed', 'nft: not JSON');
  }
  if (!Array.isArray(entries)) throw new ProbeError('malformed', 'nft: no ruleset');
  if (entries.length > rulesMax) throw new ProbeError('oversized', `nft: more than ${rulesMax} entries`);
  const chains = new Map<string, unknown[][]>();
  const bases: { family: string; table: string; name: string; priority: number; policy: string }[] = [];
  for (const { chain, rule } of entries as { chain?: Record<string, unknown>; rule?: Record<string, unknown> }[]) {
    if (chain) {
      const { family, table, name, hook, type } = chain;
      chains.set(`${family} ${table} ${name}`, chains.get(`${family} ${table} ${name}`) ?? []);
      if (hook === 'input' && type === 'filter')
        bases.push({
          family: String(family),
          table: String(table),
          name: String(name),
          priority: Number(chain.prio ?? 0),
          policy: String(chain.policy ?? 'accept'),
        });
    }
    if (rule && Array.isArray(rule.expr)) {
      const key = `${rule.family} ${rule.table} ${rule.chain}`;
      chains.set(key, [...(chains.get(key) ?? []), rule.expr as unknown[]]);
    }
  }
  return {
    inputs: bases.map((base) => ({ ...base, rules: chains.get(`${base.family} ${base.table} ${base.name}`) ?? [] })),
    chains,
  };
}

/** Whether nothing passes the chain that no rule lets through: its policy, or its last rule, takes whatever is left. */
export function endsInDrop({ policy, rules }: InputChain): boolean {
  if (policy === 'drop') return true;
  const last = rules.at(-1) ?? [];
  return (
    last.length > 0 &&
    last.every((one) => isVerdict(one, ['drop', 'reject']) || isHarmless(one)) &&
    last.some((one) => isVerdict(one, ['drop', 'reject']))
  );
}

/** A rule that lets everything through whatever it is, as a left-over `accept` does. */
export function acceptsAll(rules: readonly (readonly unknown[])[]): boolean {
  return rules.some(
    (rule) =>
      rule.some((one) => isVerdict(one, ['accept'])) &&
      rule.every((one) => isVerdict(one, ['accept']) || isHarmless(one)),
  );
}

function isVerdict(expression: unknown, verdicts: readonly string[]): boolean {
  return (
    typeof expression === 'object' &&
    expression !== null &&
    Object.keys(expression).some((key) => verdicts.includes(key))
  );
}

function isHarmless(expression: unknown): boolean {
  return isVerdict(expression, ['counter', 'log', 'comment']);
}

/** Ports that accept rules of the input chains and of chains they jump to let in, with where from: as `tcp/22`. */
export function acceptedPorts(ruleset: Ruleset): { readonly port: string; readonly from: string | null }[] {
  const found: { port: string; from: string | null }[] = [];
  for (const rules of ruleset.chains.values())
    for (const rule of rules) {
      if (!rule.some((one) => isVerdict(one, ['accept']))) continue;
      let ports: string[] = [];
      let from: string | null = null;
      for (const expression of rule) {
        const match = (expression as { match?: { op?: string; left?: unknown; right?: unknown } }).match;
        const payload = (match?.left as { payload?: { protocol?: string; field?: string } } | undefined)?.payload;
        if (!match || !payload || match.op === '!=') continue;
        if (payload.field === 'dport')
          ports = valuesOf(match.right).map(
            (value) => `${payload.protocol === 'th' ? 'any' : payload.protocol}/${value}`,
          );
        if (payload.field === 'saddr') from = valuesOf(match.right).join(',');
      }
      for (const expression of rule) {
        const meta = (expression as { match?: { left?: { meta?: { key?: string } }; right?: unknown } }).match;
        if (meta?.left?.meta?.key === 'iifname' || meta?.left?.meta?.key === 'iif')
          from = `${from === null ? '' : `${from},`}${valuesOf(meta.right).join(',')}`;
      }
      for (const port of ports) found.push({ port, from });
    }
  return found;
}

function valuesOf(right: unknown): string[] {
  if (typeof right === 'number' || typeof right === 'string') return [String(right)];
  const { set, range, prefix } = (right ?? {}) as {
    set?: unknown[];
    range?: unknown[];
    prefix?: { addr?: unknown; len?: unknown };
  };
  if (Array.isArray(set)) return set.flatMap((one) => valuesOf(one));
  if (Array.isArray(range)) return [`${range[0]}-${range[1]}`];
  if (prefix) return [`${prefix.addr}/${prefix.len}`];
  return ['?'];
}
