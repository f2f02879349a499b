import { Dimmer, type DimmerStatus } from '@dimmer/node';
import { type Platform, systemPlatform } from '../../sdk-node/src/platform.ts';
import type { HistoryFile, Reading } from './history-file.ts';
import type { SeededRandom } from './seeded-random.ts';
import { KILLED, RAMP, SINGLE } from './traffic.ts';
import { PAIR, VICTIM } from './validate-clients.ts';

/** A real Node SDK whose every new answer is recorded. */
export interface SdkClient {
  readonly name: string;
  status(): DimmerStatus;
  /** Waits for a revision, and records what is read then. */
  waitFor(revision: number, timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}

export interface SdkClientOptions {
  readonly name: string;
  /** Of the server, or of a proxy in front of it. */
  readonly url: string;
  readonly serverKey: string;
  readonly history: HistoryFile;
  readonly random: SeededRandom;
  /** The share of its random delays that it takes, from 0 to 1. */
  readonly patience?: number;
  /** The SDK of another build. Default: of this one. */
  readonly sdk?: typeof Dimmer;
}

/** The share of its random delays that an SDK takes here: a run is there for faults, not for waiting. */
const PATIENCE = 0.2;
const READ_EVERY_MS = 2;
/** How many users the growing rollout is asked about. */
const USERS = 100;
const CONTEXT = { targetingKey: 'user-1' };

/** The machine as it is, but for delays that are short and come from the seed. */
export function impatientPlatform(random: SeededRandom, patience: number = PATIENCE): Platform {
  return { ...systemPlatform, random: () => random.next() * patience };
}

/** Reads at every commit and between them; what equals the last reading is not written down again. */
export function startSdkClient(options: SdkClientOptions): SdkClient {
  const { name, url, serverKey, history, random, sdk: Sdk = Dimmer } = options;
  const platform = impatientPlatform(random, options.patience);
  const flags = new Sdk({ url, key: serverKey, cache: false, logger: SILENT }, platform);
  let lastRead = '';
  let rampRevision = 0;

  function readings(): readonly Reading[] {
    return [...PAIR, SINGLE, KILLED, VICTIM].map((flag) => readingOf(flags, flag));
  }

  function read(): void {
    const result = readings();
    const text = JSON.stringify(result);
    if (text === lastRead) return;
    lastRead = text;
    history.append(name, { op: 'read', args: null, result });
    const { revision } = flags.detail(RAMP, CONTEXT, false);
    if (revision === rampRevision) return;
    rampRevision = revision;
    const users = Array.from({ length: USERS }, (_, user) => user);
    const isIn = (user: number): boolean => flags.boolean(RAMP, { targetingKey: `user-${user}` }, false);
    const buckets = { revision, users: users.filter(isIn) };
    history.append(name, { op: 'buckets', args: { flag: RAMP }, result: buckets });
  }

  function tell({ state, epoch, revision }: DimmerStatus): void {
    history.append(name, { op: 'status', args: null, result: { state, epoch, revision } });
  }

  flags.onChange(read);
  flags.onStatus(tell);
  const timer = setInterval(read, READ_EVERY_MS);
  return {
    name,
    status: () => flags.status(),
    async waitFor(revision, timeoutMs) {
      const reached = await flags.waitForRevision(revision, { timeoutMs });
      history.append(name, { op: 'wait', args: { revision }, result: { reached, readings: readings() } });
      return reached;
    },
    async close() {
      clearInterval(timer);
      tell(flags.status());
      await flags.close();
    },
  };
}

const SILENT = { warn() {}, error() {} };

/** The rule that decides is the marker. */
function readingOf(flags: Dimmer, flag: string): Reading {
  const { revision, ruleId, reason } = flags.detail(flag, CONTEXT, false);
  return { flag, revision, marker: ruleId ?? null, served: revision === 0 || reason !== 'ERROR' };
}
