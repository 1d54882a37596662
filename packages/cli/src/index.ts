export { commands } from './catalog.ts';
export type { CommandContext } from './command-context.ts';
export type { CommandDefinition, CommandHandler, ExitCode } from './command-definition.ts';
export { readJournalLines } from './verification/journal-lines.ts';
export { VerificationReport, VerificationStep } from './verification/report.ts';
