/** Turns of the event loop asked for at once. */
const turnsPerBatch = 512;

/**
 * Calls `turn` in one turn of Node's event loop after the other until it says that it is done. Between two calls every
 * promise that can move has moved; a batch of them costs one round of the loop.
 */
export function takeTurns(turn: () => 'more' | 'done'): void {
  let isDone = false;
  const one = (): void => {
    if (!isDone) isDone = turn() === 'done';
  };
  const batch = (): void => {
    if (isDone) return;
    for (let i = 0; i < turnsPerBatch; i++) setImmediate(one);
    setImmediate(batch);
  };
  batch();
}
