import type { HostName, PlanControlChange, PlanControls } from '@nixfleet/contracts';
import { printable } from '../printable.ts';

/** Most rules named of one host. */
const changesShownMax = 20;

/** `12 pass, 1 fail, 1 waived`; empty where nothing is measured. */
export function controlsLabel(controls: PlanControls | null): string {
  if (controls === null) return '';
  const counts = (['pass', 'fail', 'error', 'waived'] as const).flatMap((standing) =>
    controls[standing] > 0 || standing === 'pass' ? [`${controls[standing]} ${standing}`] : [],
  );
  return counts.join(', ');
}

/** One line for each static rule that would stand otherwise than before, what has to be mended first. */
export function controlLines(host: HostName, controls: PlanControls | null): string[] {
  const changes = controls?.changes ?? [];
  const lines = changes.slice(0, changesShownMax).map((change) => `${host}: ${sentence(change)}`);
  const more = changes.length - lines.length;
  return more > 0 ? [...lines, `${host}: and ${more} rules more`] : lines;
}

function sentence(rule: PlanControlChange): string {
  const { controlId, ruleId, mode, modeBefore, before, after, waiverId, optionPath, fix } = rule;
  const by = waiverId === null ? '' : ` by ${waiverId}`;
  const does = modeBefore === undefined ? mode : `${modeBefore} → ${mode}`;
  const change = `${controlId} ${ruleId} (${does}): ${before ?? 'not there'} → ${after ?? 'not there'}${by}`;
  if (after !== 'fail' && after !== 'error') return printable(change);
  const where = optionPath === null || optionPath === '' ? '' : `, ${optionPath}`;
  const mend = fix === null ? '' : `; fix: ${fix.replace(/\s*\n\s*/g, ' ')}`;
  return printable(`${change}${where}${mend}`.slice(0, 1000));
}
