import type { ReportedInstance, ReportedStatus } from '@dimmer/schema';
import type { ApplicationFacts, CheckedOptions } from './options.ts';
import type { Platform } from './platform.ts';
import type { Counted } from './report-batches.ts';
import { cutText } from './report-batches.ts';
import { reportTransport } from './report-transport.ts';
import { Reporter } from './reporter.ts';
import { SDK } from './sdk-version.ts';

type InstanceFacts = Omit<ReportedInstance, 'runningMs'>;

/** What the server shows of this instance. */
export function instanceFacts(
  { name, build, instance }: ApplicationFacts = {},
  { newId, host }: Pick<Platform, 'newId' | 'host'>,
): InstanceFacts {
  return {
    id: instance ?? newId(),
    sdk: SDK,
    application: {
      ...(name !== undefined && { name: cutText(name) }),
      ...(build !== undefined && { build: cutText(build) }),
    },
    host: cutText(host()),
  };
}

/** The reporter of a client; `undefined` where the program wants none. */
export function reporterOf(parts: {
  readonly options: CheckedOptions;
  readonly platform: Platform;
  readonly instance: InstanceFacts;
  readonly status: () => Omit<ReportedStatus, 'clockOffsetMs'>;
  readonly drain: () => Counted;
}): Reporter | undefined {
  const { options, platform, instance, status, drain } = parts;
  if (options.reports === false) return undefined;
  const { clock, random, newId, wallNow, reportTiming } = platform;
  const { url, key, fetch = globalThis.fetch } = options;
  const send = reportTransport({ url, key, fetch, clock, wallNow });
  return new Reporter({ clock, random, newId, timing: reportTiming, send, instance, status, drain });
}
