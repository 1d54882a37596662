/**
 * One question for all who ask at once. Who asks while an answer is under way waits for the next one, which begins after: what is
 * under way may have looked before what he has to know was there. `ask` must not reject.
 */
export function coalesced<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let current: Promise<Answer> | null = null;
  let next: Promise<Answer> | null = null;
  const begin = (answer: Promise<Answer>): Promise<Answer> => {
    current = answer;
    void answer.then(() => {
      current = null;
      if (next) void begin(next);
      next = null;
    });
    return answer;
  };
  return () => {
    if (current === null) return begin(ask());
    next ??= current.then(ask);
    return next;
  };
}
