export { accepted, present } from './accepted.ts';
export { FakeClock } from './fake-clock.ts';
export { type HostileForm, hostileForms } from './hostile-forms.ts';
export { NixCache, type RealClosure } from './nix-cache.ts';
export { putSigned, readSigned } from './release-files.ts';
export { SeededRandom } from './seeded-random.ts';
export { otherEndOf, type TcpTimer, tcpTimerOf } from './tcp-timer.ts';
export {
  drilledCatalogue,
  type TestCollection,
  TestEvidence,
  testCatalogue,
  testRule,
  testWaiver,
} from './test-compliance.ts';
export { journalDrill, type TestDrillOptions } from './test-drill.ts';
export {
  createTestFleet,
  TestFleet,
  type TestFleetOptions,
  type TestManifest,
  type TestRelease,
  type TestVerified,
} from './test-fleet.ts';
export {
  demoIntent,
  fleetDocumentOf,
  manifestOf,
  type RealTestClosure,
  type TestChannel,
  type TestHost,
  type TestIntent,
  testChannel,
  testClosure,
  testHost,
  testPolicy,
} from './test-intent.ts';
export { signEvent, TestJournal } from './test-journal.ts';
export { type TestKey, testKey } from './test-key.ts';
export { signTestBytes, testBytes } from './test-signing.ts';
export { type TestStaticReportOptions, testStaticReport } from './test-static-report.ts';
