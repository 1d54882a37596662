import { readFileSync } from 'node:fs';

/** Port: resident memory of a process, in bytes; null where it cannot be told (it ended, or no `/proc`). */
export interface ProcessMemory {
  residentBytes(pid: number): number | null;
}

export const systemProcessMemory: ProcessMemory = {
  residentBytes(pid) {
    try {
      const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      return kibibytes === undefined ? null : Number(kibibytes) * 1024;
    } catch {
      return null;
    }
  },
};
