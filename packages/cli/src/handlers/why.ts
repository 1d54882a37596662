import { type Instant, msToInstant, WhyView } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { openReader } from '../control-plane-reader.ts';
import { hostNameArgument, unknownHost } from '../host-argument.ts';
import { printable } from '../printable.ts';
import { closureLabel } from '../render/closure-label.ts';
import { emergencyLine } from '../render/emergency-line.ts';
import { timeAgo } from '../render/time-ago.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const host = hostNameArgument(values);
  const reader = await openReader(context, values);
  try {
    const view = await reader.view(WhyView, `/v1/why/${host}`, unknownHost(host));
    if (values.flag('json')) context.terminal.result(JSON.stringify(view, null, 2));
    else for (const line of whyLines(view, msToInstant(context.clock.now()))) context.terminal.result(line);
    return 0;
  } finally {
    reader.close();
  }
}

function whyLines(view: WhyView, now: Instant): string[] {
  const lines = reasonLines(view, now);
  return view.emergency ? [...lines, `An emergency ${emergencyLine(view.emergency, now)}.`] : lines;
}

function reasonLines(view: WhyView, now: Instant): string[] {
  const { host, health, running, target, withheld, sentences } = view;
  const runs = running === null ? 'what it runs is not known' : `runs ${closureLabel(running, host)}`;
  if (target === null) {
    const [sentence = 'no rollout gives it a target.'] = sentences;
    return [`${host} is ${health}, ${runs}: ${printable(sentence)}`];
  }
  const wanted = running === target ? 'its target' : `and should run ${closureLabel(target, host)}`;
  const lines = [`${host} is ${health}, ${runs}, ${wanted}.`];
  if (sentences.length === 0) {
    lines.push(running === target ? 'Nothing is withheld from it.' : 'Nothing is withheld: it is told to switch.');
  }
  for (const [i, sentence] of sentences.entries()) {
    const until = withheld[i]?.until;
    lines.push(`- ${printable(sentence)}${until ? ` (${timeAgo(until, now)})` : ''}`);
  }
  return lines;
}
