import type { FleetView, HostSummary, RolloutSummary } from '@nixfleet/contracts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import { describeFailure } from './failure.ts';
import { printable } from './printable.ts';
import { phaseLabel } from './render/phase-label.ts';
import { openWaveLabel, statusPage } from './render/status-page.ts';

/** Between two looks, in milliseconds. */
const watchIntervalMs = 1000;

const screen = { clear: '\u001b[2J', home: '\u001b[H', eraseLine: '\u001b[K', eraseBelow: '\u001b[J' } as const;
const cursor = { hide: '\u001b[?25l', show: '\u001b[?25h' } as const;

export interface WatchOptions {
  readonly readFleet: () => Promise<FleetView>;
  readonly isJson: boolean;
}

/** Shows the fleet until interrupted: a page that redraws itself on a terminal, else one line for each change. */
export async function watchFleet(context: CommandContext, options: WatchOptions): Promise<void> {
  const { terminal, signal } = context;
  const isPage = terminal.columns !== null && !options.isJson;
  const show = isPage ? pageOf(context) : linesOf(context, options.isJson);
  if (isPage) terminal.raw(`${cursor.hide}${screen.clear}`);
  try {
    let isFirst = true;
    while (!signal.aborted) {
      try {
        show.view(await options.readFleet());
      } catch (error) {
        // A control plane that does not answer at once is a mistake to report; one that falls silent later may return.
        if (isFirst || !(error instanceof CliError)) throw error;
        if (!signal.aborted) show.failure(describeFailure(error).text);
      }
      isFirst = false;
      await context.clock.sleep(watchIntervalMs, signal).catch(() => undefined);
    }
  } finally {
    if (isPage) terminal.raw(cursor.show);
  }
}

interface Show {
  view(view: FleetView): void;
  failure(text: string): void;
}

function pageOf({ terminal }: CommandContext): Show {
  let last: readonly string[] = [];
  const draw = (lines: readonly string[]): void => {
    const shown = lines.slice(0, Math.max(1, (terminal.rows ?? lines.length + 1) - 1));
    terminal.raw(`${screen.home}${shown.map((line) => `${line}${screen.eraseLine}\n`).join('')}${screen.eraseBelow}`);
  };
  return {
    view: (view) => {
      last = statusPage(view, terminal);
      draw(last);
    },
    failure: (text) => draw([terminal.paint('red', text), ...last]),
  };
}

function linesOf({ terminal }: CommandContext, isJson: boolean): Show {
  const before = new Map<string, string>();
  let lastFailure = '';
  const say = (key: string, text: string, at: string): void => {
    if (before.get(key) === text) return;
    before.set(key, text);
    terminal.result(isJson ? text : `${at} ${text}`);
  };
  return {
    view: (view) => {
      lastFailure = '';
      if (isJson) {
        const { now, ...rest } = view;
        const text = JSON.stringify(rest);
        if (before.get('view') !== text) terminal.result(JSON.stringify({ ...rest, now }));
        before.set('view', text);
        return;
      }
      const release = view.release
        ? `release ${view.release.version} of ${printable(view.release.commit)}`
        : 'no release';
      say('release', release, view.now);
      say('rebuilding', view.rebuilding ? `rebuilding until ${view.rebuilding.until}` : 'not rebuilding', view.now);
      say('problems', view.problems.map((text) => `problem: ${printable(text)}`).join('; ') || 'no problems', view.now);
      for (const rollout of view.rollouts) say(`rollout ${rollout.rolloutId}`, rolloutLine(rollout), view.now);
      for (const host of view.hosts) say(`host ${host.name}`, hostLine(host), view.now);
    },
    failure: (text) => {
      if (text !== lastFailure) terminal.talk(text);
      lastFailure = text;
    },
  };
}

function rolloutLine(rollout: RolloutSummary): string {
  const { displayName, state, converged, hosts, failed } = rollout;
  const where = rollout.wave === null ? '' : ` wave ${openWaveLabel(rollout)},`;
  return `rollout ${printable(displayName)} ${state}:${where} ${converged} of ${hosts} converged, ${failed} failed`;
}

/** Without spans, which would make every look a change. */
function hostLine(host: HostSummary): string {
  const { name, health, phase, withheld } = host;
  const why = withheld.map(({ code, until }) => (until ? `${code} until ${until}` : code)).join(', ');
  const detail = why || phaseLabel(phase);
  return `host ${name} ${health}${detail === '-' || detail === health ? '' : `: ${detail}`}`;
}
