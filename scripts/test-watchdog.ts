// Loaded into every test process (`node --import`): a file that is still running long after its tests should be done is
// ended and fails, and says what keeps it alive. `--test-timeout` bounds each test, but not a handle left open.
import { isMainThread } from 'node:worker_threads';

/** How long one test file may run, milliseconds. Less when a caller says so. */
const FILE_MS_MAX = 600_000;

const asked = Number(process.env.NIXFLEET_TEST_FILE_MS_MAX);
const fileMsMax = asked > 0 ? Math.min(asked, FILE_MS_MAX) : FILE_MS_MAX;

if (isMainThread && process.env.NODE_TEST_CONTEXT !== undefined) {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(', ') || 'nothing';
    process.stderr.write(`${process.argv[1]}: still running after ${fileMsMax} ms, kept alive by: ${open}\n`);
    process.exit(1);
  }, fileMsMax).unref();
}
