import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import {
  CacheKey,
  ContractsError,
  ControlPlanePin,
  type DeclaredKey,
  entriesOf,
  Sha256Hex,
  SignerName,
  type TrustDocument,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { showKey, type TrustContent } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';

type Draft = { -readonly [Part in keyof TrustContent]: TrustContent[Part] };
type Role = keyof TrustDocument['roles'];

/** Before anything was declared: no role has anybody, and nothing could be signed. */
export const emptyContent: TrustContent = {
  signers: {},
  roles: {
    root: { threshold: 1, signers: [] },
    release: { threshold: 1, signers: [] },
    head: { threshold: 1, signers: [] },
    approver: { threshold: 1, emergencyThreshold: 1, signers: [] },
  },
  cacheKeys: [],
  controlPlanes: [],
};

/** Applies what `trust-options.ts` says, in this order: removals, signers, roles, cache keys, control planes. */
export async function editTrust(
  { environment, workingDirectory }: CommandContext,
  values: CommandValues,
  content: TrustContent,
): Promise<TrustContent> {
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const draft: Draft = structuredClone(content);
  const removedSigners = values.listIfDeclared('remove-signer');
  draft.signers = Object.fromEntries(entriesOf(draft.signers).filter(([name]) => !removedSigners.includes(name)));
  const removedKeys = values.listIfDeclared('remove-cache-key');
  draft.cacheKeys = draft.cacheKeys.filter(
    (key) => !removedKeys.includes(key) && !removedKeys.includes(key.split(':')[0] ?? ''),
  );
  const removedPins = values.listIfDeclared('remove-control-plane');
  draft.controlPlanes = draft.controlPlanes.filter(({ spkiSha256 }) => !removedPins.includes(spkiSha256));

  const declared = new Map<SignerName, DeclaredKey[]>();
  for (const text of values.list('signer')) {
    const { name, value } = splitNamed(text, '--signer', '<name>=<public key file>');
    const signer = parseTyped(SignerName, name, '--signer');
    const { declared: key } = await showKey(absolutePath(value, from), { crypto: nodeCrypto });
    declared.set(signer, [...(declared.get(signer) ?? []), key]);
  }
  for (const [name, keys] of declared) draft.signers = { ...draft.signers, [name]: { keys } };
  for (const text of values.list('role')) draft.roles = withRole(draft.roles, text);
  for (const text of values.list('cache-key')) draft.cacheKeys = [...draft.cacheKeys, await readCacheKey(text, from)];
  for (const [option, offline] of [
    ['control-plane-key', false],
    ['spare-control-plane-key', true],
  ] as const) {
    for (const text of values.list(option)) {
      const spkiSha256 = /^[0-9a-f]{64}$/.test(text)
        ? Sha256Hex.parse(text)
        : (await showKey(absolutePath(text, from), { crypto: nodeCrypto })).keyId;
      draft.controlPlanes = [...draft.controlPlanes, ControlPlanePin.parse({ spkiSha256, offline })];
    }
  }
  return draft;
}

function splitNamed(text: string, option: string, syntax: string): { readonly name: string; readonly value: string } {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1)
    throw new CliError('usage', `${option} '${printable(text)}'`, `expected ${syntax}`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

const roleSyntax = '<root|release|head|approver|emergency>=<threshold>:<signer>,…';

/** `release=2:ci,alice`. `emergency=2` sets only the approvers' emergency threshold. */
function withRole(roles: TrustContent['roles'], text: string): TrustContent['roles'] {
  const { name, value } = splitNamed(text, '--role', roleSyntax);
  const match = /^(\d{1,2})(?::(.+))?$/.exec(value);
  const threshold = Number(match?.[1]);
  const names = match?.[2]?.split(',').map((signer) => parseTyped(SignerName, signer.trim(), '--role'));
  if (name === 'emergency' && match && !names) {
    return { ...roles, approver: { ...roles.approver, emergencyThreshold: threshold } };
  }
  if (!isRole(name) || !match || !names)
    throw new CliError('usage', `--role '${printable(text)}'`, `expected ${roleSyntax}`);
  return { ...roles, [name]: { ...roles[name], threshold, signers: names } };
}

function isRole(name: string): name is Role {
  return name === 'root' || name === 'release' || name === 'head' || name === 'approver';
}

/** The key itself, `name:base64`, or the file that nix-store --generate-binary-cache-key wrote. */
async function readCacheKey(text: string, from: { readonly base: string; readonly home: string }): Promise<CacheKey> {
  const direct = CacheKey.safeParse(text);
  if (direct.success) return direct.data;
  const path = absolutePath(text, from);
  return parseTyped(CacheKey, (await readFile(path, 'utf8')).trim(), `--cache-key ${path}: its content`);
}

/** Contents that make no document (`sealDocument`) are a mistake on the command line. */
export async function withReadableMistakes<Value>(propose: Promise<Value>): Promise<Value> {
  try {
    return await propose;
  } catch (error) {
    if (!(error instanceof ContractsError) || error.code !== 'invalid-document') throw error;
    throw new CliError('usage', error.message, 'give the missing parts; see --help');
  }
}
