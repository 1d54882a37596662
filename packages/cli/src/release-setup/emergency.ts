import { addSeconds, Instant, Reason } from '@nixfleet/contracts';
import type { Emergency } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandValues } from '../command-values.ts';
import { parseDuration } from '../parse-duration.ts';
import { parseTyped } from '../parse-typed.ts';

/** What `emergencyOptions` say: undefined without `--emergency`. */
export function emergencyOf(values: CommandValues, now: Instant): Emergency | undefined {
  const [reason, expires] = [values.text('reason'), values.text('expires')];
  if (!values.flag('emergency')) {
    if (reason === undefined && expires === undefined) return undefined;
    throw new CliError(
      'usage',
      '--reason and --expires belong to an emergency',
      'pass --emergency as well, or neither',
    );
  }
  if (reason === undefined || expires === undefined) {
    const next = "say why and for how long: --reason 'CVE-2026-1234' --expires 4h";
    throw new CliError('usage', 'an emergency needs a reason and an end', next);
  }
  return { reason: parseTyped(Reason, reason, '--reason'), expiresAt: parseWhen(expires, now) };
}

function parseWhen(text: string, now: Instant): Instant {
  const instant = Instant.safeParse(text);
  return instant.success ? instant.data : addSeconds(now, parseDuration(text, '--expires'));
}
