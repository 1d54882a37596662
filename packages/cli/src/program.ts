import { Command, type CommanderError, Option } from 'commander';
import { commandGroups, commands } from './catalog.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import {
  type CommandDefinition,
  type ExitCode,
  jsonShape,
  optionName,
  optionText,
  takesValue,
} from './command-definition.ts';
import { CommandValues } from './command-values.ts';
import { nixfleetVersion } from './version.ts';

/** Thrown through commander to end parsing; help and version have been printed already. */
class ParsingEnded extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super('parsing ended');
    this.name = 'ParsingEnded';
    this.exitCode = exitCode;
  }
}

/** What was typed, matched to a definition, and not run yet. */
export interface Invocation {
  readonly definition: CommandDefinition;
  readonly values: CommandValues;
}

/**
 * Matches `argv` (without the program's own words) to a command. A number is an exit code: help or the version was
 * printed. Throws `CliError` with `usage` for everything that fits no definition.
 */
export function parseCommandLine(argv: readonly string[], context: CommandContext): Invocation | ExitCode {
  let invocation: Invocation | undefined;
  const program = buildProgram(context, (found) => {
    invocation = found;
  });
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof ParsingEnded) return error.exitCode;
    throw error;
  }
  if (!invocation) throw new TypeError('commander ended without a command');
  return invocation;
}

function buildProgram(context: CommandContext, choose: (invocation: Invocation) => void): Command {
  const { terminal, environment } = context;
  const program = new Command('nixfleet')
    .description('Signed GitOps for NixOS fleets.')
    .version(nixfleetVersion, '--version', 'print the version')
    .addHelpText('after', "\nSettings: 'nixfleet config show'. Every command explains itself with --help.");
  const words = new Map<string, Command>([['', program]]);
  const groupSummaries = new Map(commandGroups.map(({ name, summary }) => [name, summary]));
  // `release` is a command of its own as well; any other first words are a group with a summary.
  const groupOf = (name: string): Command => {
    const known = words.get(name);
    if (known) return known;
    const before = name.includes(' ') ? name.slice(0, name.lastIndexOf(' ')) : '';
    const summary = groupSummaries.get(name);
    if (summary === undefined) throw new TypeError(`no group ${name}`);
    const group = addWord(groupOf(before), name.slice(before.length).trim(), summary);
    words.set(name, group);
    return group;
  };
  for (const definition of commands) {
    const path = definition.name.split(' ');
    const last = path.pop() ?? '';
    const parent = groupOf(path.join(' '));
    const command = addWord(parent, last, definition.summary);
    words.set(definition.name, command);
    defineCommand(command, definition, choose);
  }
  for (const [name, command] of words) {
    const path = name === '' ? 'nixfleet' : `nixfleet ${name}`;
    command
      .helpOption('-h, --help', 'explain this command')
      // `release build --source x`: the option is build's, though release has one of that name.
      .enablePositionalOptions()
      .exitOverride((error) => endParsing(error, path))
      .configureOutput({
        writeOut: (text) => terminal.result(text.trimEnd()),
        writeErr: (text) => terminal.talk(text.trimEnd()),
        outputError: () => undefined,
        getOutHasColors: () => false,
        getErrHasColors: () => false,
        getOutHelpWidth: () => terminal.columns ?? helpColumns(environment.COLUMNS),
        getErrHelpWidth: () => terminal.columns ?? helpColumns(environment.COLUMNS),
      });
    if (name !== '') command.helpCommand(false);
  }
  return program;
}

/** Width of help where there is no terminal, in columns. */
const helpColumnsDefault = 100;

function helpColumns(asked: string | undefined): number {
  const columns = Number(asked);
  return Number.isInteger(columns) && columns >= 40 ? columns : helpColumnsDefault;
}

function addWord(parent: Command, word: string, summary: string): Command {
  return parent.command(word).summary(summary).description(summary);
}

function defineCommand(command: Command, definition: CommandDefinition, choose: (found: Invocation) => void): void {
  command.description(`${definition.summary}\n\n${definition.description}`);
  for (const argument of definition.arguments ?? []) {
    command.argument(argument.isOptional ? `[${argument.name}]` : `<${argument.name}>`, argument.description);
  }
  const options = (definition.options ?? []).map((option) => {
    const built = new Option(option.flags, optionText(option));
    if (option.isRepeatable) {
      built.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
    }
    command.addOption(built);
    return { option, attribute: built.attributeName() };
  });
  const examples = definition.examples.map(({ line, explains }) => `  ${line}\n      ${explains}`);
  if (definition.json) command.addHelpText('after', `\nJSON: ${jsonShape(definition.json)}`);
  command.addHelpText('after', `\nExamples:\n${examples.join('\n')}`);
  command.action(() => {
    const typed = new Map<string, readonly string[]>();
    for (const { option, attribute } of options) {
      const value: unknown = command.getOptionValue(attribute);
      if (value === undefined) continue;
      typed.set(optionName(option), takesValue(option) ? listOf(value) : []);
    }
    const args = new Map<string, string>();
    for (const [i, { name }] of (definition.arguments ?? []).entries()) {
      const value = command.args[i];
      if (value !== undefined) args.set(name, value);
    }
    choose({ definition, values: new CommandValues(definition, { arguments: args, options: typed }) });
  });
}

function listOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}

function endParsing(error: CommanderError, path: string): never {
  switch (error.code) {
    case 'commander.helpDisplayed':
    case 'commander.version':
      throw new ParsingEnded(0);
    case 'commander.help':
      // `nixfleet help x` ends with 0; a group without a command printed its help on standard error.
      throw new ParsingEnded(error.exitCode === 0 ? 0 : 2);
    default: {
      const what = error.message
        .replace(/^error: /, '')
        .replace(/\s*\n\s*/g, ' ')
        .replace(/\.$/, '');
      throw new CliError('usage', what, `see ${path} --help`);
    }
  }
}
