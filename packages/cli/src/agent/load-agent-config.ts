import { homedir } from 'node:os';
import { type AgentConfig, AgentError, parseAgentConfig } from '@nixfleet/agent';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { readSettingsJson } from '../read-json-file.ts';
import { agentConfigDefault } from './agent-options.ts';

export async function loadAgentConfig(context: CommandContext, values: CommandValues): Promise<AgentConfig> {
  const { workingDirectory, environment } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const path = absolutePath(values.text('config') ?? agentConfigDefault, from);
  const json = await readSettingsJson(path);
  try {
    return parseAgentConfig(json);
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'bad-config') throw error;
    throw new CliError('usage', `${path}: ${error.message}`, 'correct the file');
  }
}
