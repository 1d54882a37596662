/** One rule of `iptables-save`, as its words. */
export interface IptablesRule {
  readonly chain: string;
  readonly words: readonly string[];
}

export interface IptablesFilter {
  readonly policy: string | null;
  readonly rules: readonly IptablesRule[];
}

const chainsMax = 16;

/** The table `filter` of `iptables-save -t filter`. */
export function parseIptablesSave(text: string): IptablesFilter {
  let policy: string | null = null;
  const rules: IptablesRule[] = [];
  for (const line of text.split('\n')) {
    const input = /^:INPUT (\S+)/.exec(line)?.[1];
    if (input !== undefined) policy = input;
    const [, chain, rest = ''] = /^-A (\S+)\s*(.*)$/.exec(line) ?? [];
    if (chain !== undefined) rules.push({ chain, words: rest.split(/\s+/).filter(Boolean) });
  }
  return { policy, rules };
}

export function targetOf({ words }: IptablesRule): string | null {
  const at = Math.max(words.indexOf('-j'), words.indexOf('-g'));
  return at === -1 ? null : (words[at + 1] ?? null);
}

/** A rule that is about every packet: nothing but its target and what a target takes. */
function isUnconditional({ words }: IptablesRule): boolean {
  const at = Math.max(words.indexOf('-j'), words.indexOf('-g'));
  const before = words.slice(0, at === -1 ? words.length : at);
  return before.length === 0 || (before.length === 4 && before[0] === '-m' && before[1] === 'comment');
}

/**
 * Whether nothing gets through INPUT that no rule lets through: its policy drops, or its last rule sends everything into a
 * chain whose last rule does, as NixOS's `nixos-fw` ends in `nixos-fw-log-refuse` and that one in `nixos-fw-refuse`.
 */
export function inputEndsInDrop({ policy, rules }: IptablesFilter): boolean {
  if (policy === 'DROP') return true;
  let chain = 'INPUT';
  for (let depth = 0; depth < chainsMax; depth++) {
    const last = rules.findLast((rule) => rule.chain === chain);
    if (!last || !isUnconditional(last)) return false;
    const target = targetOf(last);
    if (target === 'DROP' || target === 'REJECT') return true;
    if (target === null || !rules.some((rule) => rule.chain === target)) return false;
    chain = target;
  }
  return false;
}

/** Chains that INPUT leads to. */
export function reachedChains({ rules }: IptablesFilter): ReadonlySet<string> {
  const reached = new Set(['INPUT']);
  // A set grows while it is walked.
  for (const chain of reached)
    for (const rule of rules) {
      const target = rule.chain === chain ? targetOf(rule) : null;
      if (target !== null && rules.some((other) => other.chain === target)) reached.add(target);
    }
  return reached;
}

/** A chain that returns everything accepted: `-j ACCEPT`, or NixOS's `nixos-fw-accept`. */
function accepts(filter: IptablesFilter, rule: IptablesRule): boolean {
  const target = targetOf(rule);
  if (target === 'ACCEPT') return true;
  return filter.rules.some((other) => other.chain === target && targetOf(other) === 'ACCEPT' && isUnconditional(other));
}

/** Whether some rule that INPUT leads to lets every packet through. A chain that only accepts is called by rules that choose. */
export function inputAcceptsAll(filter: IptablesFilter): boolean {
  const reached = reachedChains(filter);
  return filter.rules.some(
    (rule) =>
      reached.has(rule.chain) && isUnconditional(rule) && accepts(filter, rule) && !isAcceptChain(filter, rule.chain),
  );
}

function isAcceptChain(filter: IptablesFilter, chain: string): boolean {
  return (
    chain !== 'INPUT' &&
    filter.rules
      .filter((rule) => rule.chain === chain)
      .every((rule) => targetOf(rule) === 'ACCEPT' && isUnconditional(rule))
  );
}

/** Ports that accept rules let in, with where from: `tcp/22`, `udp/1024:2048`. */
export function acceptedIptablesPorts(
  filter: IptablesFilter,
): { readonly port: string; readonly from: string | null }[] {
  const reached = reachedChains(filter);
  const found: { port: string; from: string | null }[] = [];
  for (const rule of filter.rules) {
    if (!reached.has(rule.chain) || !accepts(filter, rule)) continue;
    const after = (flag: string): string | null => {
      const at = rule.words.indexOf(flag);
      return at === -1 ? null : (rule.words[at + 1] ?? null);
    };
    const ports = (after('--dport') ?? after('--dports') ?? '').split(',').filter(Boolean);
    const from = [after('-s'), after('-i')].filter((one) => one !== null).join(',') || null;
    for (const port of ports) found.push({ port: `${after('-p') ?? 'any'}/${port.replace(':', '-')}`, from });
  }
  return found;
}
