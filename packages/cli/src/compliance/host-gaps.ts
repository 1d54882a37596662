import {
  type CatalogueControl,
  type CatalogueRule,
  type ComplianceCatalogue,
  type FrameworkName,
  type GovernanceLevel,
  lookup,
  type StaticHostReport,
} from '@nixfleet/contracts';
import { isOptionLine, joinedLines } from './fix-lines.ts';
import { type Gap, gapOf, rankOf, type Standing } from './gap.ts';

/** Frameworks as options of a host and documents name them; technical standards come with what they belong to. */
const frameworkOptions: Readonly<Record<string, { readonly option: string; readonly name: string }>> = {
  nis2: { option: 'nis2', name: 'nis2' },
  'nis2-cir': { option: 'nis2', name: 'nis2' },
  dora: { option: 'dora', name: 'dora' },
  'dora-rts': { option: 'dora', name: 'dora' },
  iso27001: { option: 'iso27001', name: 'iso27001' },
  'anssi-bp028': { option: 'anssi', name: 'anssi-bp028' },
};

export interface HostQuestion {
  readonly host: string;
  readonly report: StaticHostReport;
  /** Null where the host has no compliance module. */
  readonly catalogue: ComplianceCatalogue | null;
  readonly framework: FrameworkName;
  readonly level: GovernanceLevel;
}

export interface HostGaps {
  /** Whether anything is known of the framework. */
  readonly isKnown: boolean;
  readonly gaps: readonly Gap[];
}

/** What keeps one host from answering to a framework up to a level, whether it has the framework enabled or not. */
export function hostGaps(question: HostQuestion): HostGaps {
  const { host, report, catalogue, framework, level } = question;
  const known = lookup(frameworkOptions, framework);
  if (catalogue === null) return { isKnown: known !== undefined, gaps: [withoutModule(question, known)] };
  const isEnabled = known !== undefined && lookup(catalogue.governance.presets, known.name) !== undefined;
  const results = new Map(report.controls.flatMap(({ rules }) => rules.map((rule) => [rule.id as string, rule])));
  const modes = new Map(report.controls.map(({ controlId, mode }) => [controlId, mode]));
  const found: Gap[] = [];
  let [isMapped, rules] = [false, 0];
  for (const control of catalogue.controls) {
    const standing: Standing = {
      mode: modes.get(control.controlId) ?? control.mode,
      enabling: enablingLines(question, control, catalogue, known?.name),
      optionName: optionNameOf(control),
      governance: catalogue.governance,
      level,
      framework: isEnabled ? null : (known?.name ?? null),
    };
    for (const rule of control.rules) {
      if (!speaksOf(rule, framework, isEnabled)) continue;
      isMapped = true;
      if (rankOf(rule.severity) > rankOf(level)) continue;
      rules++;
      const gap = gapOf(rule, results.get(rule.id), standing);
      if (gap !== null) found.push({ host, ruleId: rule.id, name: rule.name, ...gap });
    }
  }
  if (known === undefined) return { isKnown: isMapped, gaps: found };
  if (isEnabled) return { isKnown: true, gaps: isMapped ? found : [leftOut(question, known.name)] };
  return { isKnown: true, gaps: [notEnabled(question, known.option, rules, found.length), ...found] };
}

/** A host that has frameworks enabled tells of these alone in `articles`. Catalogues of before have nothing else. */
function speaksOf({ articles, frameworks }: CatalogueRule, framework: FrameworkName, isEnabled: boolean): boolean {
  return lookup(articles, framework) !== undefined || (!isEnabled && frameworks?.includes(framework) === true);
}

function optionNameOf({ optionName, controlId }: CatalogueControl): string {
  return optionName ?? controlId.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function withoutModule(
  question: HostQuestion,
  known: { readonly option: string; readonly name: string } | undefined,
): Gap {
  const { host, report } = question;
  return {
    host,
    ruleId: null,
    name: 'no control of any framework',
    kind: 'no-module',
    why: 'it has no compliance module',
    fix: [
      ...(report.mode === 'disabled' ? [channelLine(question, known?.name)] : []),
      'imports = [ inputs.nixfleet.nixosModules.compliance ]; # not needed where the fleet says a mode: it brings the module',
      ...(known ? [`compliance.frameworks.${known.option}.enable = true;`] : []),
    ],
    effect: null,
  };
}

/** DORA's simplified form has standards of its own. */
function leftOut({ host, framework }: HostQuestion, name: string): Gap {
  return {
    host,
    ruleId: null,
    name: framework,
    kind: 'framework',
    why: `${name} applies to the host in a form that leaves it out`,
    fix: [`by hand: see whether that form is right: compliance.frameworks.${name}`],
    effect: 'until then no rule speaks of it',
  };
}

function notEnabled({ host, framework, level }: HostQuestion, option: string, rules: number, open: number): Gap {
  const rest = open === 0 ? '' : `; ${open} need what follows`;
  return {
    host,
    ruleId: null,
    name: framework,
    kind: 'framework',
    why: 'it is not enabled',
    fix: [`compliance.frameworks.${option}.enable = true;`],
    // A catalogue of before says nothing of a framework that is not enabled.
    effect:
      rules === 0
        ? null
        : `its controls are enabled; of ${rules} rules up to ${level}, ${rules - open} count for it as the host is now${rest}`,
  };
}

/** A control counts as the weaker of channel and host says: what either disables takes a line in each. */
function enablingLines(
  question: HostQuestion,
  control: CatalogueControl,
  { governance }: ComplianceCatalogue,
  framework: string | undefined,
): readonly string[] {
  const lines = question.report.mode === 'disabled' ? [channelLine(question, framework)] : [];
  if (control.mode !== 'disabled') return lines;
  const where =
    governance.mode === 'disabled'
      ? 'compliance.governance.enforceMode'
      : `compliance.controls.${optionNameOf(control)}.mode`;
  return [...lines, `${where} = "permissive"; # what the fleet says of it counts over this line`];
}

/** A line of the fleet, not of the host. */
function channelLine({ report: { channel } }: HostQuestion, framework: string | undefined): string {
  const name = /^[a-z]/.test(channel) ? channel : `"${channel}"`;
  return `channels.${name}.compliance = { mode = "permissive"; frameworks = [ "${framework ?? 'nis2'}" ]; }; # in the fleet`;
}

/** Everything that can be written down for one host at once. */
export interface HostLines {
  readonly host: string;
  /** For the host's configuration. */
  readonly lines: readonly string[];
  readonly fleetLines: readonly string[];
}

export function allLines(host: string, gaps: readonly Gap[]): HostLines {
  const all = joinedLines(gaps.filter((gap) => gap.host === host).flatMap(({ fix }) => fix));
  const written = all.filter(isOptionLine);
  const isFleets = (line: string): boolean => line.startsWith('channels.');
  return { host, lines: written.filter((line) => !isFleets(line)), fleetLines: written.filter(isFleets) };
}
