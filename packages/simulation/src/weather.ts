/** How often something goes wrong: mean time between two faults of one host, and of what all of them share. */
export interface Weather {
  readonly hostFaultMinutes: number;
  readonly sharedFaultMinutes: number;
  readonly badReleaseShare: number;
}

/** The mildest first. */
export const weathers: readonly Weather[] = [
  { hostFaultMinutes: 600, sharedFaultMinutes: 180, badReleaseShare: 0.15 },
  { hostFaultMinutes: 120, sharedFaultMinutes: 60, badReleaseShare: 0.3 },
  { hostFaultMinutes: 40, sharedFaultMinutes: 25, badReleaseShare: 0.3 },
];
