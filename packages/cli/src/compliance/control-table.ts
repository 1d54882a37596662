import type { EvidenceControl } from '@nixfleet/contracts';
import type { Colour } from '../render/paint.ts';
import type { Table } from '../render/table.ts';

/** One control of an evidence document, as people and programs read it. */
export interface ControlRow extends Pick<EvidenceControl, 'controlId' | 'mode' | 'status' | 'decision'> {
  /** Rules that failed or could not be measured. */
  readonly failing: readonly string[];
  readonly waivers: readonly string[];
}

export function controlRows(controls: readonly EvidenceControl[]): readonly ControlRow[] {
  return controls.map(({ controlId, mode, status, decision, rules }) => ({
    controlId,
    mode,
    status,
    decision,
    failing: rules.filter((rule) => rule.status === 'fail' || rule.status === 'error').map(({ id }) => id),
    waivers: [...new Set(rules.flatMap(({ waiverId }) => (waiverId === undefined ? [] : [waiverId])))],
  }));
}

const colours: Readonly<Record<ControlRow['decision'], Colour | undefined>> = {
  pass: 'green',
  fail: 'red',
  waived: 'yellow',
  none: 'dim',
};

export function controlTable(rows: readonly ControlRow[]): Table {
  return {
    headings: ['CONTROL', 'MODE', 'MEASURED', 'DECISION', 'RULES'],
    rows: rows.map(({ controlId, mode, status, decision, failing, waivers }) => {
      const colour = colours[decision];
      return [
        controlId,
        mode,
        status,
        { text: decision, ...(colour === undefined ? {} : { colour }) },
        [...failing, ...waivers].join(', '),
      ];
    }),
  };
}

/** The worst of all controls. */
export function worstDecision(rows: readonly ControlRow[]): ControlRow['decision'] {
  return (['fail', 'waived', 'pass'] as const).find((one) => rows.some(({ decision }) => decision === one)) ?? 'none';
}
