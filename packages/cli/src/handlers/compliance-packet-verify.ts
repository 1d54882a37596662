import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { Sha256Hex, sha256Hex } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { checkDerived, verifyPacket } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { openPacket } from '../packet/open-packet.ts';
import { openPool } from '../packet/open-pool.ts';
import { packetPorts } from '../packet/packet-ports.ts';
import { showFindings } from '../packet/show-findings.ts';
import { verifyHostsWith } from '../packet/verify-hosts.ts';
import { parseTyped } from '../parse-typed.ts';
import { fleetOf } from '../verification/open-chain.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const from = { base: context.workingDirectory, home: context.environment.HOME ?? homedir() };
  const typed = values.text('trust') ?? context.environment.NIXFLEET_TRUST;
  if (typed === undefined) {
    throw new CliError('usage', 'nothing says whom to trust', 'pass --trust with a document that you got another way');
  }
  const path = absolutePath(typed, from);
  const start = new Uint8Array(await readFile(path));
  const expected = values.text('trust-sha256');
  if (expected !== undefined) {
    const got = await sha256Hex(nodeCrypto, start);
    if (got !== parseTyped(Sha256Hex, expected, '--trust-sha256')) {
      throw new CliError('failed', `${path}: hash-mismatch: its SHA-256 is ${got}`, 'do not trust it');
    }
  }
  const ctx = { crypto: nodeCrypto, fleet: fleetOf(start, path) };
  const packet = absolutePath(values.argument('packet'), from);
  const reader = await openPacket(packet);
  await using pool = await openPool(context, values, [packet]);
  const found = await verifyPacket(ctx, reader, {
    start,
    ports: packetPorts(ctx),
    verifyHosts: verifyHostsWith(pool, { packet, fleet: ctx.fleet }),
  });
  if ('unreadable' in found) {
    const { where, detail } = found.unreadable;
    throw new CliError('failed', `${packet}: ${where}: ${detail}`, 'it is no packet, or was damaged');
  }
  const breaks = [...found.breaks, ...(await checkDerived(ctx, reader, found))];
  const code = showFindings(context.terminal, { ...found, breaks }, { isJson: values.flag('json') });
  if (code !== 0) return code;
  if (values.flag('require-compliant') && found.hasFailures) return 3;
  return found.incompleteHosts.length > 0 ? 4 : 0;
}
