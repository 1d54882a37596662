import { type CommandDefinition, optionName, takesValue } from './command-definition.ts';

/** What was typed, by the names in the command's definition. Asking for an undeclared name is a bug and throws. */
export class CommandValues {
  readonly #definition: CommandDefinition;
  readonly #arguments: ReadonlyMap<string, string>;
  readonly #options: ReadonlyMap<string, readonly string[]>;

  /** `options` holds every value given to an option, in order; an empty list for a flag that was given. */
  constructor(
    definition: CommandDefinition,
    typed: {
      readonly arguments: ReadonlyMap<string, string>;
      readonly options: ReadonlyMap<string, readonly string[]>;
    },
  ) {
    this.#definition = definition;
    this.#arguments = typed.arguments;
    this.#options = typed.options;
  }

  /** An argument that the definition demands. */
  argument(name: string): string {
    const value = this.optionalArgument(name);
    if (value === undefined) throw new TypeError(`${this.#definition.name}: argument ${name} is optional`);
    return value;
  }

  optionalArgument(name: string): string | undefined {
    if (!this.#definition.arguments?.some((argument) => argument.name === name)) {
      throw new TypeError(`${this.#definition.name} declares no argument ${name}`);
    }
    return this.#arguments.get(name);
  }

  flag(name: string): boolean {
    this.#require(name, false);
    return this.#options.has(name);
  }

  /** The last value of an option; undefined when it was not given. */
  text(name: string): string | undefined {
    this.#require(name, true);
    return this.#options.get(name)?.at(-1);
  }

  /** Every value of a repeatable option. */
  list(name: string): readonly string[] {
    this.#require(name, true);
    return this.#options.get(name) ?? [];
  }

  /** As `text`, for settings that only some commands take as an option. */
  textIfDeclared(name: string): string | undefined {
    return this.#find(name) ? this.text(name) : undefined;
  }

  flagIfDeclared(name: string): boolean {
    return this.#find(name) !== undefined && this.flag(name);
  }

  listIfDeclared(name: string): readonly string[] {
    return this.#find(name) ? this.list(name) : [];
  }

  #find(name: string) {
    return this.#definition.options?.find((option) => optionName(option) === name);
  }

  #require(name: string, hasValue: boolean): void {
    const option = this.#find(name);
    if (!option || takesValue(option) !== hasValue) {
      throw new TypeError(`${this.#definition.name} declares no ${hasValue ? 'option' : 'flag'} --${name}`);
    }
  }
}
