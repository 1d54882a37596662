// A test reporter (`--test-reporter`) that writes what failed and nothing else, a line for each: for logs of which only
// the end is looked at.
import type { TestEvent } from 'node:test/reporters';

/** Of what a failure says; the whole of it is in the other reporter's output. */
const charactersMax = 300;

/** Yields one line for each test that failed by itself, rather than by one below it. */
// biome-ignore lint/style/noDefaultExport: what Node looks for in a reporter.
export default async function* failures(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== 'test:fail') continue;
    const { name, details } = event.data;
    const { failureType, cause } = details.error as Error & { failureType?: string };
    if (failureType === 'subtestsFailed') continue;
    const text = cause instanceof Error ? cause.message : String(cause ?? details.error.message);
    yield `${name}: ${text.replaceAll(/\s+/g, ' ').slice(0, charactersMax)}\n`;
  }
}
