export type {
  ActivationOutcome,
  CheckProgress,
  DeadManReport,
  HostEffect,
  HostInput,
  HostMemory,
  Intent,
  StepResult,
  WorkingMemory,
} from './host-input.ts';
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
