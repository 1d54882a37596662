import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ComplianceCatalogue } from '@nixfleet/contracts';

const repository = join(import.meta.dirname, '../../..');
const command = '/nix/store/00000000000000000000000000000000-nixfleet/bin/nixfleet-probe';

function nix(expression: string): unknown {
  const printed = execFileSync('nix-instantiate', ['--eval', '--strict', '--json', '--expr', expression], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(printed);
}

/** Every rule of the catalogue that has a probe on a host where everything is declared, as its closure would say it. */
export function wholeCatalogue(host: string): ComplianceCatalogue {
  const controls = nix(`
    let
      inherit (import ${repository}/nix/compliance) controls;
      config = import ${repository}/tests/nix/compliance/declared.nix;
      ruleOf = control: rule: {
        inherit (rule) id name severity tags hostTypes architectures articles remediation isAttested unmeasured;
        via = null;
        hasStatic = rule.evaluate != null;
        probe =
          let
            descriptor = if rule.check == null then null else rule.check { inherit config; options = control.optionsOf config; };
          in
          if descriptor == null then null else { command = "${command}"; } // descriptor;
      };
    in
    map (control: {
      inherit (control) controlId title purpose type schema articles;
      mode = "permissive";
      rules = map (ruleOf control) control.rules;
    }) controls`);
  return ComplianceCatalogue.parse({
    ...{ type: 'compliance-catalogue', schemaVersion: 1, version: '1.0.0', host, system: 'x86_64-linux', controls },
    governance: {
      ...{
        mode: 'permissive',
        level: 'paranoid',
        hostType: 'server',
        architecture: 'x86_64',
        presets: {},
        excludes: [],
      },
    },
    collectIntervalSeconds: 3600,
  });
}

/** What the program is on a machine without its closure. */
export const program = { path: command, text: '#!/bin/sh\nexec /opt/nixfleet/nixfleet-probe "$@"\n' };

/** The collector's unit with all its settings, around another program that prints to a file. */
export function collectorUnit(argv: readonly string[], output: string): string {
  const settings = nix(`
    (import ${repository}/tests/machines/closures/collector.nix {
      package = "/none";
      hasAgent = false;
      collector = { enable = true; outputDir = "/var/lib/collected"; key = "/k"; retentionDays = 1; interval = "daily"; };
    }).service.serviceConfig`) as Record<string, unknown>;
  const lines = Object.entries(settings)
    .filter(([name]) => name !== 'ExecStart')
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => `${name}=${one}`));
  return ['[Service]', ...lines, `ExecStart=${argv.join(' ')}`, `StandardOutput=truncate:${output}`, ''].join('\n');
}
