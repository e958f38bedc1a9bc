/** What a careful application would do with a library that sends each call by itself. */

const gatherMs = 1;

/** Messages of one millisecond leave together; every caller waits for its own. */
export function gathered(
  send: (values: readonly string[]) => Promise<unknown>,
): (value: string) => Promise<void> {
  let waiting: { value: string; done: PromiseWithResolvers<void> }[] = [];
  const leave = (): void => {
    const batch = waiting;
    waiting = [];
    send(batch.map(({ value }) => value)).then(
      () => {
        for (const { done } of batch) done.resolve();
      },
      (error: unknown) => {
        for (const { done } of batch) done.reject(error);
      },
    );
  };
  return (value) => {
    const done = Promise.withResolvers<void>();
    if (waiting.push({ value, done }) === 1) setTimeout(leave, gatherMs);
    return done.promise;
  };
}
