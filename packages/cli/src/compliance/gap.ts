import {
  type CatalogueRule,
  type ComplianceMode,
  type Governance,
  GovernanceLevel,
  lookup,
  type StaticRuleResult,
} from '@nixfleet/contracts';
import { fixLines, isOptionLine } from './fix-lines.ts';

/** What keeps one rule, or a whole host, from speaking for a framework. */
export interface Gap {
  readonly host: string;
  /** Null where it is about the host. */
  readonly ruleId: string | null;
  readonly name: string;
  /**
   * `failing`: has a fix; `inactive`: would be active at the level; `disabled`: nothing evaluates it; `unmeasured`: nothing
   * says anything of it; `framework`: the host has the framework not enabled; `no-module`: the host has no controls.
   */
  readonly kind: 'failing' | 'inactive' | 'disabled' | 'unmeasured' | 'framework' | 'no-module';
  readonly why: string;
  /** Lines of a configuration, and what a person has to do, which begins with `by hand:`. */
  readonly fix: readonly string[];
  /** What becomes of the host's decision once it is done; null where only a measurement can tell. */
  readonly effect: string | null;
}

/** How a rule stands on its host, beside its own result. */
export interface Standing {
  /** The weaker of what the channel and the host say. */
  readonly mode: ComplianceMode;
  /** Lines that make it another than `disabled`; none where it is. */
  readonly enabling: readonly string[];
  /** The control's name under `compliance.controls`. */
  readonly optionName: string;
  readonly governance: Pick<Governance, 'level' | 'hostType' | 'architecture' | 'excludes'>;
  /** What was asked for. */
  readonly level: GovernanceLevel;
  /** The framework, as options call it, where the host has it not enabled. */
  readonly framework: string | null;
}

type Rule = Pick<
  CatalogueRule,
  | 'via'
  | 'unmeasured'
  | 'remediation'
  | 'severity'
  | 'hasStatic'
  | 'isAttested'
  | 'tags'
  | 'hostTypes'
  | 'architectures'
>;

type Found = Omit<Gap, 'host' | 'ruleId' | 'name'>;

/** Null where the rule passes, is measured on the host alone, is stated by a person, or is not for such a host. */
export function gapOf(rule: Rule, result: StaticRuleResult | undefined, standing: Standing): Found | null {
  if (isForOthers(rule, standing)) return null;
  const { mode, framework } = standing;
  const under = framework === null ? undefined : lookup(result?.under ?? {}, framework);
  const isFailing = result?.status === 'fail' || result?.status === 'error';
  if (isFailing && under?.passed !== true) {
    const isWaived = result.decision === 'waived';
    const why = isWaived ? `waived by ${result.waiverId}` : result.status;
    const fix = fixLines(under?.fix ?? result.fix ?? rule.remediation, under?.optionPath ?? result.optionPath);
    return { kind: 'failing', why, fix, effect: effectOf(isWaived, mode) };
  }
  const activation = [...activationLines(rule, standing), ...(rule.isAttested ? [] : standing.enabling)];
  if (activation.length > 0) {
    const kind = rule.via === null ? 'disabled' : 'inactive';
    const outcome = under?.passed ?? result?.wouldPass;
    const place = under ?? result;
    const lines =
      outcome === false
        ? fixLines(place?.fix ?? rule.remediation, place?.optionPath)
        : rule.unmeasured === null
          ? []
          : [`by hand: ${rule.remediation}`];
    return {
      kind,
      why: rule.via ?? 'mode',
      fix: [...activation, ...lines],
      effect: forecast(rule, outcome, lines, mode),
    };
  }
  if (under?.passed === false && result?.status === 'pass') {
    const fix = fixLines(under.fix, under.optionPath);
    return { kind: 'failing', why: `passes now, and not under ${framework}`, fix, effect: effectOf(false, mode) };
  }
  if (rule.via === null && rule.unmeasured !== null) {
    return { kind: 'unmeasured', why: rule.unmeasured, fix: [`by hand: ${rule.remediation}`], effect: null };
  }
  return null;
}

/** Whatever is written, the rule would not be active: it is about another kind of machine. */
function isForOthers({ hostTypes, architectures }: Rule, { governance }: Standing): boolean {
  const isOther = (allowed: readonly string[], own: string): boolean => allowed.length > 0 && !allowed.includes(own);
  return isOther(hostTypes, governance.hostType) || isOther(architectures, governance.architecture);
}

/** All that keeps it inactive, of which `via` names the first. */
function activationLines({ via, severity, tags }: Rule, { optionName, governance, level }: Standing): string[] {
  if (via === null || via === 'override') return [];
  const kept = governance.excludes.filter((tag) => !tags.includes(tag));
  return [
    ...(via === 'control' ? [`compliance.controls.${optionName}.enable = true;`] : []),
    ...(rankOf(severity) > rankOf(governance.level) ? [`compliance.governance.level = "${level}";`] : []),
    ...(kept.length === governance.excludes.length ? [] : [excludesLine(kept)]),
  ];
}

/** In place of what is said elsewhere: lists are joined, and none of them would take a tag out. */
function excludesLine(tags: readonly string[]): string {
  return `compliance.governance.excludes = lib.mkForce [ ${tags.map((tag) => `${JSON.stringify(tag)} `).join('')}];`;
}

export function rankOf(level: GovernanceLevel): number {
  return GovernanceLevel.options.indexOf(level);
}

function effectOf(isWaived: boolean, mode: ComplianceMode): string {
  if (isWaived) return 'its waiver is not needed any more';
  return mode === 'enforce'
    ? 'the rule passes and blocks no release'
    : `the rule passes; in mode ${mode} it blocks nothing`;
}

function forecast(
  rule: Rule,
  outcome: boolean | undefined,
  lines: readonly string[],
  mode: ComplianceMode,
): string | null {
  if (rule.isAttested) return 'active, it waits for a person to state it: nixfleet compliance attest';
  if (rule.unmeasured !== null) return `active, and nothing measures it: ${rule.unmeasured}`;
  if (outcome === undefined) return null;
  if (outcome) return 'active, it would pass as the host is configured now';
  const blocked = mode === 'enforce' ? ' and block a release' : '';
  const done = lines.every(isOptionLine) ? 'it passes with these lines' : 'it passes once the rest is done by hand';
  return `active, ${done}; as the host is configured now it would fail${blocked}`;
}
