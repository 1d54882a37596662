import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { loadSettings, type SettingName, settingSources } from '../config/settings.ts';
import { renderTable } from '../render/table.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const settings = await loadSettings(context, values);
  const { file, origins } = settings;
  if (values.flag('json')) {
    terminal.result(JSON.stringify({ file, settings: settings.values, origins: Object.fromEntries(origins) }, null, 2));
    return 0;
  }
  terminal.result(`file: ${file.path}${file.isThere ? '' : ' (not there)'}`);
  const names = Object.keys(settingSources) as SettingName[];
  const rows = names.map((name) => {
    const value = settings.values[name];
    const text = value === undefined ? '-' : Array.isArray(value) ? value.join(', ') : value;
    return [name, origins.get(name) ?? '-', settingSources[name].variable, text];
  });
  const headings = ['SETTING', 'FROM', 'VARIABLE', 'VALUE'];
  for (const line of renderTable({ headings, rows }, terminal)) terminal.result(line);
  return 0;
}
