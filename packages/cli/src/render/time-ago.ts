import { type Instant, instantToMs } from '@nixfleet/contracts';

const units = [
  { name: 'd', seconds: 86_400 },
  { name: 'h', seconds: 3600 },
  { name: 'min', seconds: 60 },
  { name: 's', seconds: 1 },
] as const;

/** A span of seconds in its largest whole unit, rounded down: `59 s`, `5 min`, `47 h`, `3 d`. Days from 48 hours on. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const unit = units.find(({ name, seconds: size }) => whole >= (name === 'd' ? 2 * size : size)) ?? units[3];
  return `${Math.floor(whole / unit.seconds)} ${unit.name}`;
}

/** `5 min ago`; `now` within two seconds; `in 5 min` for an instant to come. */
export function timeAgo(instant: Instant, now: Instant): string {
  const seconds = (instantToMs(now) - instantToMs(instant)) / 1000;
  if (Math.abs(seconds) < 2) return 'now';
  return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
}
