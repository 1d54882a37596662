export { applyEvent, type EventPlace } from './apply-event.ts';
export { backoffSeconds } from './backoff.ts';
export {
  type ChannelBrakes,
  channelBrakes,
  contactSecondsMax,
  type HostBrakes,
  headAheadSecondsMax,
  hostBrake,
  isEmergencyAt,
} from './brake.ts';
export { Budgets, takesSlot } from './budget.ts';
export { describeWithheld } from './describe-withheld.ts';
export { foldEvent, foldOfState, outcomesMax } from './fold-event.ts';
export { type ForecastInput, forecast, horizonSecondsDefault } from './forecast/forecast.ts';
export {
  expectedSeconds,
  type MeasuredSwitches,
  measureSwitches,
  nothingMeasured,
  type SwitchSeconds,
  switchSecondsDefault,
} from './forecast/switch-seconds.ts';
export { givesUp } from './gives-up.ts';
export { hostHealth } from './host-health.ts';
export type {
  ActivationOutcome,
  AwaitedEffect,
  CheckProgress,
  DeadManReport,
  HostEffect,
  HostInput,
  HostMemory,
  Intent,
  StepResult,
  WorkingMemory,
} from './host-input.ts';
export { initialMemory, step } from './host-machine.ts';
export { isSwitching, phaseIn, switchingPhases } from './host-progress.ts';
export {
  failingProbe,
  hasFailingProbe,
  initialHostState,
  isRunning,
  owesBoot,
  quarantineOf,
  withQuarantine,
} from './host-state.ts';
export { isOccupied, promisedUntil, promiseSecondsMax } from './issued-go.ts';
export { lostAt, lostSecondsMax } from './lost-host.ts';
export { namesMax, namesOf } from './names.ts';
export { initialWorkingMemory } from './pass.ts';
export { plan } from './plan.ts';
export type {
  ActiveHold,
  HostDecision,
  HostFold,
  HostView,
  Plan,
  PlannerRelease,
  PlannerViews,
  Rebuild,
  RolloutOutcome,
} from './planner-types.ts';
export { bootSecondsMax } from './reboot.ts';
export { refusedRetryMaxSeconds, refusedRetrySeconds } from './refused.ts';
export { revertRetryMaxSeconds, revertRetrySeconds } from './revert.ts';
export { selfHeld } from './self-held.ts';
export {
  edgesInto,
  excusedSinceOf,
  type HostStanding,
  isEdgeOpen,
  isProgressing,
  type Survey,
  type SurveyedHost,
  type SurveyedWave,
  surveyRollout,
  toleratedFailures,
  type WaveGates,
} from './survey.ts';
export { confirmSecondsOf } from './switch-times.ts';
export { waveGates } from './wave-gate.ts';
