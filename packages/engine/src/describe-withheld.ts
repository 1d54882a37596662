import type { Withheld } from '@nixfleet/contracts';

/** One sentence for people, with the instant it ends where there is one. Total over the codes. */
export function describeWithheld(withheld: Withheld): string {
  const { until } = withheld;
  return `${clause(withheld)}${until === undefined ? '' : `, until ${until}`}.`;
}

function clause(withheld: Withheld): string {
  const { code, have = 0, need = 0 } = withheld;
  const names = withheld.names?.length ? withheld.names.join(', ') : undefined;
  const because = withheld.reason === undefined ? '' : ` (${withheld.reason})`;
  switch (code) {
    case 'hold':
      return `An approver holds the channel${because}`;
    case 'freeze':
      return `The channel is frozen${because}`;
    case 'outside-window':
      return 'The change window is closed';
    case 'quarantined':
      return `This closure failed here at this attempt${because}: a newer release or a higher attempt lifts it`;
    case 'head-expired':
      return 'The signed head has expired: CI must run `nixfleet head sign`';
    case 'no-release':
      return 'There is no verified release yet';
    case 'not-in-rollout':
      return 'No rollout of the current release names this host';
    case 'rebuilding':
      return `The control plane started empty and waits for every host's journal${names ? ` (${names})` : ''}`;
    case 'unheard-after-rebuild':
      return `Since the control plane started empty, nothing was heard of ${names ?? 'this host'}`;
    case 'halted':
      return `The rollout is halted: ${have} failed, ${need} borne${names ? ` (${names})` : ''}`;
    case 'waiting-for-rollout':
      return `The running rollout ${shortId(names)} finishes first`;
    case 'channel-edge':
      return `The channel ${names ?? '?'} must converge first${because}`;
    case 'wave':
      if (withheld.reason === 'reboot') return `An earlier wave boots first: ${names ?? '?'}`;
      if (withheld.reason === 'receipts') {
        return `An earlier wave has ${have} of the ${need} hosts converged that promoteWhen.receiptsPercent demands; still open: ${names ?? '?'}`;
      }
      return `An earlier wave has ${have} of ${need} hosts converged; still open: ${names ?? '?'}`;
    case 'soak':
      return names ? `An earlier wave is soaking (${have} of ${need} converged; ${names})` : 'Soaking';
    case 'compliance':
      return `Controls must pass first${names ? ` (${names})` : ''}${because}`;
    case 'host-edge':
      return `The host ${names ?? '?'} must converge first${because}`;
    case 'budget':
      return `The disruption budget ${names ?? '?'} is used up: ${have} of ${need} in flight`;
    case 'fetch-limit':
      return `As many hosts fetch as the channel allows: ${have} of ${need}`;
    case 'offline':
      return 'The host is offline';
    case 'observe':
      return 'The channel only observes: it switches nothing';
    case 'retry-backoff':
      return `The last switch was not confirmed and was reverted; it is tried again${have > 0 ? ` (after try ${have})` : ''}`;
    case 'refused':
      return `The host refused: ${withheld.refusal ?? 'no reason given'}${because}`;
    case 'reboot-needed':
      return `A reboot is needed${because}`;
    case 'drift':
      return `The machine was changed outside NixFleet${because}`;
    case 'trial':
      return because ? `Its target is a trial${because}` : 'The host tries another closure, and then goes back';
    case 'failed':
      return `The switch failed${because}`;
    case 'in-progress':
      return `The switch is under way${because}`;
    case 'local-hold':
      return `Held on the host itself${names ? ` (${names})` : ''}${because}`;
    case 'clock-unsynchronised':
      return "The host's clock is not synchronised";
    case 'head-from-the-future':
      return "The signed head is ahead of the host's clock";
    case 'control-plane-silent':
      return 'The control plane has not answered the host within the last minute';
    case 'floor-lost':
      return 'The host lost its anti-rollback state and waits for a head younger than two hours';
    case 'no-go':
      return `The host waits for its go${because}`;
    default:
      return unreachable(code);
  }
}

function shortId(names: string | undefined): string {
  return names === undefined ? '' : names.slice(0, 12);
}

function unreachable(code: never): never {
  throw new TypeError(`not a reason: ${String(code)}`);
}
