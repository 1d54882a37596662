import { basename } from 'node:path';
import type { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { printable } from '../printable.ts';
import type { Questions } from './questions.ts';
import { ciKinds, RepositoryAnswers } from './repository-answers.ts';

type AnswerName = Exclude<keyof RepositoryAnswers, 'operator'>;

interface Question {
  readonly name: AnswerName;
  readonly option: string;
  readonly asks: string;
  /** What an empty answer means, and what holds without a terminal; null: it has to be said. */
  readonly fallback: string | null;
}

/** Times that a person may answer one question wrongly. */
const attemptsMax = 5;

function questionsFor(directory: string): readonly Question[] {
  const folder = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '');
  return [
    { name: 'fleet', option: '--fleet', asks: "The fleet's name", fallback: folder === '' ? 'fleet' : folder },
    { name: 'host', option: '--host', asks: 'The name of the first host', fallback: 'web-1' },
    { name: 'system', option: '--system', asks: 'The Nix system it runs', fallback: 'x86_64-linux' },
    {
      name: 'releases',
      option: '--releases',
      asks: 'Where releases are published, <git remote>#<branch>, as in git@git.example.org:acme/fleet.git#releases',
      fallback: null,
    },
    {
      name: 'controlPlane',
      option: '--control-plane',
      asks: 'The URL of the control plane, as in https://control.example.org:8443',
      fallback: null,
    },
    {
      name: 'cache',
      option: '--cache',
      asks: 'The URL of the binary cache, as in https://cache.example.org',
      fallback: null,
    },
    { name: 'ci', option: '--ci', asks: `The forge that runs CI, ${ciKinds.join(', ')}`, fallback: 'forgejo' },
    { name: 'nixfleet', option: '--nixfleet', asks: 'The flake of NixFleet', fallback: 'github:nixfleet/nixfleet' },
  ];
}

/** Options first; what they leave open is asked at a terminal, and takes its fallback where there is none. */
export async function askRepository(
  typed: (option: string) => string | undefined,
  {
    directory,
    operator,
    questions,
    tell,
  }: {
    readonly directory: string;
    readonly operator: RepositoryAnswers['operator'];
    readonly questions: Questions | null;
    readonly tell: (line: string) => void;
  },
): Promise<RepositoryAnswers> {
  const answers = new Map<string, unknown>([['operator', operator]]);
  const missing: string[] = [];
  for (const question of questionsFor(directory)) {
    const given = typed(question.option.slice(2));
    if (given !== undefined) answers.set(question.name, checked(question, given));
    else if (questions) answers.set(question.name, await asked(question, questions, tell));
    else if (question.fallback === null) missing.push(question.option);
    else answers.set(question.name, question.fallback);
  }
  if (missing.length > 0) {
    throw new CliError('usage', `${missing.join(', ')}: not given`, 'there is no terminal to ask at; see --help');
  }
  return RepositoryAnswers.parse(Object.fromEntries(answers));
}

function checked({ name, option }: Question, text: string): unknown {
  const parsed = schemaOf(name).safeParse(text);
  if (parsed.success) return parsed.data;
  throw new CliError('usage', `${option} '${printable(text)}'`, parsed.error.issues[0]?.message ?? 'not valid');
}

async function asked(question: Question, questions: Questions, tell: (line: string) => void): Promise<unknown> {
  const hint = question.fallback === null ? '' : ` [${question.fallback}]`;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const answer = await questions.ask(`${question.asks}${hint}: `);
    const text = answer === '' ? question.fallback : answer;
    const parsed = schemaOf(question.name).safeParse(text);
    if (parsed.success) return parsed.data;
    tell(text === null ? 'It has no default.' : `'${printable(text)}': ${parsed.error.issues[0]?.message}`);
  }
  throw new CliError('failed', question.option, `no usable answer in ${attemptsMax} attempts; nothing was written`);
}

function schemaOf(name: AnswerName): z.ZodType {
  return RepositoryAnswers.shape[name];
}
