import assert from 'node:assert/strict';
import { systemClock } from '@nixfleet/agent';

/** Between two looks, in milliseconds. */
const pollMs = 30;
/** How long a wait lasts unless it says otherwise, in seconds. */
const secondsDefault = 40;

/**
 * Looks until there is a value that is neither null, undefined nor false, and returns it. A look that throws (nobody
 * answers yet) is no value. Fails after `seconds` with what was waited for and what `explain` says of the state then.
 */
export async function until<Value>(
  what: string,
  look: () => Value | Promise<Value>,
  { seconds = secondsDefault, explain = () => '' }: { seconds?: number; explain?: () => string | Promise<string> } = {},
): Promise<NonNullable<Exclude<Value, false>>> {
  const deadline = systemClock.monotonicMs() + seconds * 1000;
  for (;;) {
    let problem = '';
    const value = await (async () => look())().catch((error: unknown) => {
      problem = String(error);
      return null;
    });
    if (value !== null && value !== undefined && value !== false) return value as NonNullable<Exclude<Value, false>>;
    if (systemClock.monotonicMs() > deadline) {
      assert.fail(`not within ${seconds} s: ${what}\n${problem}\n${await explain()}`);
    }
    await systemClock.sleep(pollMs);
  }
}

/** True for the whole of `seconds`, or fails: for what must not happen. At least one look after the time is over. */
export async function stays(what: string, isTrue: () => boolean | Promise<boolean>, seconds: number): Promise<void> {
  const deadline = systemClock.monotonicMs() + seconds * 1000;
  for (let isOver = false; !isOver; ) {
    isOver = systemClock.monotonicMs() > deadline;
    if (!(await isTrue())) assert.fail(`within ${seconds} s no longer: ${what}`);
    if (!isOver) await systemClock.sleep(pollMs);
  }
}
