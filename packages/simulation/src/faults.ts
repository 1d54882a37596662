import { addSeconds } from '@nixfleet/contracts';
import type { Dice } from './dice.ts';
import type { SimulatedFleet } from './simulated-fleet.ts';
import type { SimulatedHost } from './simulated-host.ts';
import { type Tempo, untilBusyMs } from './tempo.ts';
import type { Weather } from './weather.ts';

const minuteMs = 60_000;
/** Share of the runs in which the control plane is stolen, and how often a thief changes its mind, in minutes. */
const theftShare = 0.25;
const thiefMinutes = 8;
/** Share of the runs in which people reboot machines, each as often as something else befalls it. */
const rebootShare = 0.15;

/** Brings trouble over a fleet until it is told to stop, and then takes all of it away again. */
export class Faults {
  readonly #fleet: SimulatedFleet;
  readonly #dice: Dice;
  readonly #weather: Weather;
  readonly #tempo: Tempo;
  readonly #onWiped: () => void;
  readonly #onTrouble: (host: string) => void;
  #isOver = false;

  constructor(
    fleet: SimulatedFleet,
    {
      dice,
      weather,
      tempo,
      onWiped,
      onTrouble,
    }: {
      readonly dice: Dice;
      readonly weather: Weather;
      readonly tempo: Tempo;
      readonly onWiped: () => void /** One that lasts begins, or has ended. */;
      readonly onTrouble: (host: string) => void;
    },
  ) {
    this.#fleet = fleet;
    this.#dice = dice;
    this.#weather = weather;
    this.#tempo = tempo;
    this.#onWiped = onWiped;
    this.#onTrouble = onTrouble;
  }

  begin(): void {
    const { hostFaultMinutes, sharedFaultMinutes } = this.#weather;
    for (const host of this.#fleet.hosts.values()) this.#again(hostFaultMinutes, () => this.#onHost(host));
    this.#again(sharedFaultMinutes, () => this.#onShared());
    if (this.#dice.chance(theftShare)) this.#steal();
    const dice = this.#dice.of('shutdowns');
    if (!dice.chance(rebootShare)) return;
    for (const host of this.#fleet.hosts.values()) this.#again(hostFaultMinutes, () => host.rebootByHand(), dice);
  }

  /** Until the end of the trouble, from some time on. */
  #steal(): void {
    this.#fleet.scheduler.after(this.#dice.between(5, 90) * minuteMs, () => {
      if (this.#isOver) return;
      this.#fleet.setStolen(true);
      this.#again(thiefMinutes, () => this.#fleet.stolen.turn());
    });
  }

  /** From now on nothing goes wrong, and everything works again. */
  end(): void {
    this.#isOver = true;
    const { server, hosts } = this.#fleet;
    this.#fleet.isSourceUp = true;
    if (this.#fleet.stolen.isAtWork) this.#fleet.setStolen(false);
    server.isDiskFull = false;
    if (!server.isUp) this.#restartServer();
    for (const host of hosts.values()) host.heal();
  }

  #again(meanMinutes: number, strike: () => void, dice = this.#dice): void {
    const waitMs = -Math.log(1 - dice.uniform()) * meanMinutes * minuteMs;
    const { scheduler } = this.#fleet;
    scheduler.after(untilBusyMs(this.#tempo, scheduler.nowMs, waitMs), () => {
      if (this.#isOver) return;
      strike();
      this.#again(meanMinutes, strike, dice);
    });
  }

  /** `what` is true of the world for a while. */
  #forAWhile(host: SimulatedHost | null, text: string, minutes: number, set: (isOn: boolean) => void): void {
    const { timeline, scheduler } = this.#fleet;
    timeline.note(host?.name ?? null, `${text} for ${minutes.toFixed(1)} min`);
    const turn = (isOn: boolean): void => {
      set(isOn);
      if (host !== null) this.#onTrouble(host.name);
    };
    turn(true);
    scheduler.after(minutes * minuteMs, () => turn(false));
  }

  #onHost(host: SimulatedHost): void {
    const dice = this.#dice;
    const { timeline } = this.#fleet;
    switch (dice.whole(1, 14)) {
      case 1:
      case 2:
        return host.crashAfter(dice.whole(1, 300), dice.chance(0.5), 'crash');
      case 3:
      case 4:
        return host.crashAfter(dice.whole(1, 300), dice.chance(0.5), 'power');
      case 5:
        return host.powerCut();
      case 6:
      case 7:
        return this.#forAWhile(host, 'it is cut off', dice.between(0.2, 25), (isOn) => {
          host.line.isUp = !isOn;
        });
      case 8:
        return this.#forAWhile(host, 'its line is bad', dice.between(1, 20), (isOn) => {
          host.line.loss = isOn ? dice.between(0.02, 0.4) : 0;
          host.line.duplication = isOn ? dice.between(0, 0.3) : 0;
          host.line.latencyMsMax = isOn ? dice.pick([200, 2000, 8000]) : 40;
        });
      case 9:
        return this.#forAWhile(host, 'its disk is full', dice.between(0.5, 10), (isOn) => {
          host.machine.disk.isFull = isOn;
        });
      case 10: {
        const hours = dice.between(-2, 2);
        return this.#forAWhile(host, `its clock is ${hours.toFixed(1)} h off`, dice.between(1, 20), (isOn) => {
          host.time.wallOffsetMs = isOn ? hours * 60 * minuteMs : 0;
          host.setSynchronised(!isOn || dice.chance(0.3));
        });
      }
      case 11:
        return this.#forAWhile(host, 'no cache answers', dice.between(1, 15), (isOn) => {
          host.isCacheReachable = !isOn;
        });
      case 12:
        timeline.note(host.name, 'the process of the dead man’s switch is killed');
        return host.machine.killGuard();
      case 13:
        return this.#forAWhile(host, 'somebody holds it', dice.between(2, 20), (isOn) => {
          const until = addSeconds(this.#fleet.now, 86_400);
          host.setHold(isOn ? { until, reason: 'maintenance' } : null);
        });
      case 14: {
        host.takeSnapshot();
        const backInMs = dice.between(5, 60) * minuteMs;
        this.#fleet.scheduler.after(backInMs, () => {
          if (!this.#isOver) host.restore();
        });
      }
    }
  }

  #onShared(): void {
    const dice = this.#dice;
    const { server, timeline, hosts } = this.#fleet;
    switch (dice.whole(1, 7)) {
      case 1:
        return this.#killServer();
      case 2:
        timeline.note(null, 'the control plane will crash');
        return server.life.endAfter(dice.whole(1, 200), dice.chance(0.5), () => this.#killServer());
      case 3:
        return this.#forAWhile(null, 'the control plane’s disk is full', dice.between(0.5, 10), (isOn) => {
          server.isDiskFull = isOn;
        });
      case 4:
        server.wipe();
        this.#onWiped();
        return this.#restartServer();
      case 5:
        return this.#forAWhile(null, 'the release source does not answer', dice.between(1, 20), (isOn) => {
          this.#fleet.isSourceUp = !isOn;
        });
      case 6: {
        const cut = [...hosts.values()].filter(() => dice.chance(0.5));
        return this.#forAWhile(null, `${cut.length} hosts are cut off`, dice.between(0.5, 15), (isOn) => {
          for (const host of cut) host.line.isUp = !isOn;
        });
      }
      case 7: {
        const dark = [...hosts.values()].filter(() => dice.chance(0.4));
        timeline.note(null, `the power fails for ${dark.length} hosts`);
        for (const host of dark) host.powerCut();
      }
    }
  }

  #killServer(): void {
    const { server, timeline } = this.#fleet;
    timeline.note(null, 'the control plane is killed');
    server.kill();
    this.#restartServer();
  }

  #restartServer(): void {
    const { server, scheduler } = this.#fleet;
    scheduler.after(this.#dice.between(1000, 90_000), () => {
      if (!server.isUp) server.start();
    });
  }
}
