import { HostName, Instant } from '@nixfleet/contracts';
import { z } from 'zod';
import type { ReportedContact } from '../views/presence.ts';

export interface ContactsReport {
  readonly contacts: ReadonlyMap<HostName, ReportedContact>;
  /** Hosts whose whole journal has been stored at least once. */
  readonly replayed: ReadonlySet<HostName>;
}

const Stored = z.object({
  contacts: z.array(z.tuple([HostName, z.boolean(), Instant.nullable(), z.string().max(100).nullable()])),
  replayed: z.array(HostName),
});

/** Equal for reports that say the same in the same order. */
export function reportToText({ contacts, replayed }: ContactsReport): string {
  const stored: z.input<typeof Stored> = {
    contacts: [...contacts].map(([host, { isOnline, toldAt, agentVersion }]) => [
      host,
      isOnline,
      toldAt,
      agentVersion?.slice(0, 100) ?? null,
    ]),
    replayed: [...replayed],
  };
  return JSON.stringify(stored);
}

/** Null for what another version of this program wrote: its hosts are taken for offline. */
export function reportFromText(text: string): ContactsReport | null {
  const parsed = Stored.safeParse(jsonOf(text));
  if (!parsed.success) return null;
  return {
    contacts: new Map(
      parsed.data.contacts.map(([host, isOnline, toldAt, agentVersion]) => [host, { isOnline, toldAt, agentVersion }]),
    ),
    replayed: new Set(parsed.data.replayed),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
