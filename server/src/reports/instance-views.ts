import type { InstanceView } from '@dimmer/schema/rest';
import type { Instance } from './instance.ts';

/** An instance as the API shows it. */
export function instanceView(instance: Instance): InstanceView {
  const { id, facts, status, startedAt, heardAt, streams, dropped, problems, via } = instance;
  return {
    id,
    sdk: facts === undefined ? null : { name: facts.sdk.name, version: facts.sdk.version },
    application: {
      name: facts?.application?.name ?? null,
      build: facts?.application?.build ?? null,
    },
    host: facts?.host ?? null,
    via,
    startedAt: timeOf(startedAt),
    state: status?.state ?? null,
    mode: status?.mode ?? null,
    epoch: status?.epoch ?? null,
    revision: status?.revision ?? null,
    ageMs: status?.ageMs ?? null,
    clockOffsetMs: status?.clockOffsetMs ?? null,
    connected: streams > 0,
    heardAt: timeOf(heardAt),
    dropped: { ...dropped },
    problems: problems.map(({ at, ...problem }) => ({ ...problem, at: new Date(at).toISOString() })),
  };
}

function timeOf(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}
