import { covers } from '../flow.ts';
import { probe, type Violation } from '../probe.ts';
import { isLoopback, parseSs } from '../sockets.ts';

export const listening = probe({
  name: 'listening',
  summary: 'that nothing listens on the network but declared flows',
  arguments: {
    flow: {
      kind: 'list',
      what: 'declared flow: `tcp/22`, `udp/60000-61000`, with `=sshd` for the program it has to be',
    },
    loopback: { kind: 'switch', what: 'what listens on the loopback has to be declared too' },
  },
  facts: {
    listening: 'sockets that others reach: `{flow, program}`',
    onLoopback: 'sockets that only this machine reaches',
  },
  violations: ['undeclared', 'other-program'],
  root: 'names of programs of other users',
  async measure(machine, { flow, loopback }) {
    const all = parseSs((await machine.run(['ss', '-H', '-tulpn'])).stdout);
    const looked = all.filter(({ address }) => loopback || !isLoopback(address));
    const violations: Violation[] = [];
    const found = new Map<string, { flow: string; program: string | null }>();
    for (const { protocol, port, program } of looked) {
      const name = `${protocol}/${port}`;
      found.set(`${name} ${program}`, { flow: name, program });
      const declared = flow.map((one) => one.split('=')).filter(([range = '']) => covers(range, name));
      if (declared.length === 0) violations.push({ what: 'undeclared', subject: name, observed: program });
      else if (!declared.some(([, wanted]) => wanted === undefined || wanted === program))
        violations.push({
          what: 'other-program',
          subject: name,
          observed: program,
          expected: declared.map(([, wanted]) => wanted).join(' '),
        });
    }
    return {
      facts: {
        listening: [...found.values()].slice(0, 128),
        onLoopback: all.filter(({ address }) => isLoopback(address)).length,
      },
      violations: unique(violations),
    };
  },
});

/** IPv4 and IPv6 of one service are one mistake. */
function unique(violations: readonly Violation[]): Violation[] {
  return [...new Map(violations.map((one) => [JSON.stringify(one), one])).values()];
}
