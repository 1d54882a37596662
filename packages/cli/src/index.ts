export { commands } from './catalog.ts';
export type { CommandContext } from './command-context.ts';
export type { CommandDefinition, CommandHandler, ExitCode } from './command-definition.ts';
export { createPacket } from './packet/create-packet.ts';
export { filesOf, openPacket } from './packet/open-packet.ts';
export { packetPorts } from './packet/packet-ports.ts';
export { readJournalLines } from './verification/journal-lines.ts';
export { VerificationReport, VerificationStep } from './verification/report.ts';
