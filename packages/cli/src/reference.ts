import { commandGroups, commands } from './catalog.ts';
import { type CommandDefinition, jsonShape, optionText } from './command-definition.ts';
import { settingSources } from './config/settings.ts';

const introduction = `# nixfleet on the command line

Written from the definitions in \`packages/cli/src/commands/\` by \`scripts/node packages/cli/src/write-reference-main.ts\`; a test
compares the two.

Results go to standard output, everything else to standard error. Every command that reads takes \`--json\`. Colours are
shown only on a terminal, and not when \`NO_COLOR\` is set. Text that hosts or strangers wrote is shown without control
characters.

| Exit code | Means |
|---|---|
| 0 | done; for a check, that it holds |
| 1 | failed, or the check does not hold; one line on standard error says what and what to do next |
| 2 | the command line or a setting is wrong |
| 130, 143, 141 | ended by SIGINT, by SIGTERM (services end with 0), or because whoever read the output went away |
`;

/** The whole of `docs/cli.md`. */
export function cliReference(): string {
  const sections = commands.map(section);
  const list = commands.map(({ name, summary }) => `| [\`${name}\`](#${anchor(name)}) | ${summary} |`);
  return [
    introduction,
    settingsSection(),
    `## Commands\n\n| Command | Does |\n|---|---|\n${list.join('\n')}\n`,
    ...sections,
  ].join('\n');
}

function settingsSection(): string {
  const rows = Object.entries(settingSources).map(
    ([name, { option, variable }]) => `| \`${name}\` | \`--${option}\` | \`${variable}\` |`,
  );
  return `## Settings

An option wins over its environment variable, and that over the file: \`$NIXFLEET_CONFIG\`, by default
\`$XDG_CONFIG_HOME/nixfleet/config.json\`. The file is one JSON object with the names below; an unknown or malformed one is
refused. \`controlPlanes\` and \`pins\` are lists (separated by commas in a variable; the option may be repeated). Relative
paths in the file start at its directory. \`releases\` is a directory or \`<git repository>#<ref>\`. The control plane's key
is compared with \`pins\`, or with those in the document \`trust\`, before anything is sent.

| Setting | Option | Variable |
|---|---|---|
${rows.join('\n')}
`;
}

function section(definition: CommandDefinition): string {
  const { name, summary, description, json, examples } = definition;
  const args = definition.arguments ?? [];
  const options = definition.options ?? [];
  const usage = ['nixfleet', name, ...(options.length > 0 ? ['[options]'] : [])];
  for (const argument of args) usage.push(argument.isOptional ? `[${argument.name}]` : `<${argument.name}>`);
  const group = commandGroups.find((candidate) => candidate.name === name);
  const parts = [
    `### ${name}`,
    `\`${usage.join(' ')}\` — ${summary}.`,
    ...(group ? [`Also the first word of: ${group.summary}.`] : []),
    description,
    tableOf(
      'Argument',
      args.map((argument) => [`\`${argument.name}\``, argument.description]),
    ),
    tableOf(
      'Option',
      options.map((option) => [`\`${option.flags}\``, optionText(option)]),
    ),
    ...(json
      ? [`\`--json\`: ${'schema' in json ? `[${jsonShape(json)}](schemas/${json.schema}.schema.json)` : json.sentence}`]
      : []),
    `\`\`\`sh\n${examples.map(({ line, explains }) => `# ${explains}\n${line}`).join('\n')}\n\`\`\``,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function tableOf(heading: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(([left, right]) => `| ${left} | ${right.replaceAll('|', '\\|')} |`);
  return `| ${heading} | |\n|---|---|\n${lines.join('\n')}`;
}

function anchor(name: string): string {
  return name.replaceAll(' ', '-');
}
