import { Instant } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandValues } from '../command-values.ts';
import { parseTyped } from '../parse-typed.ts';

/** `--from` and `--to`, both required, half open. Throws `CliError` `usage`. */
export function typedPeriod(values: CommandValues): { readonly from: Instant; readonly to: Instant } {
  const need = (name: 'from' | 'to'): Instant => {
    const text = values.text(name);
    if (text === undefined) throw new CliError('usage', `--${name} is missing`, 'see --help');
    return parseTyped(Instant, text, `--${name}`);
  };
  const [from, to] = [need('from'), need('to')];
  if (to <= from) throw new CliError('usage', '--to is not after --from', 'the end is exclusive');
  return { from, to };
}
