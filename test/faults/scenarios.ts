import type { CrowdHabit } from './crowd.ts';
import type { Failpoints } from './failpoints.ts';
import type { ProxyFaults } from './fault-proxy.ts';

/** One thing that goes wrong. Pairs of milliseconds are the bounds of a seeded random time. */
export type Fault =
  | { readonly fault: 'calm'; readonly forMs: Span }
  /** Killed by the signal and started again at once. */
  | { readonly fault: 'restart'; readonly signal: 'SIGKILL' | 'SIGTERM' }
  /** The same of the relay, in scenarios that have one: it starts from its cache. */
  | { readonly fault: 'restart relay'; readonly signal: 'SIGKILL' | 'SIGTERM' }
  /** SIGSTOP, and SIGCONT after that time. */
  | { readonly fault: 'freeze'; readonly forMs: Span }
  /** The same, of every SDK; for scenarios in which these are processes. */
  | { readonly fault: 'freeze SDKs'; readonly forMs: Span }
  /** The wall clock of the server jumps, and that of the SDKs the other way; for scenarios with faked clocks. */
  | { readonly fault: 'clocks'; readonly byMs: number }
  /** So many connections come beside the others, and stay for that time. */
  | { readonly fault: 'crowd'; readonly sockets: number; readonly habit: CrowdHabit; readonly forMs: Span }
  /** Every connection through the proxy is reset. */
  | { readonly fault: 'reset' }
  /** The proxy does this for that time. */
  | { readonly fault: 'proxy'; readonly does: ProxyFaults; readonly forMs: Span }
  /** Rows of one flag are spoilt by SQL while the server is stopped. */
  | { readonly fault: 'poison' };

export type Span = readonly [atLeastMs: number, atMostMs: number];

/** A run of the system under faults, as data. */
export interface Scenario {
  /** What `--run` asks for. */
  readonly name: string;
  /** The promises that it tries to break, as the test's title names them. */
  readonly title: string;
  readonly faults: readonly Fault[];
  /** How often the faults come, one after the other. */
  readonly rounds: { readonly short: number; readonly long: number };
  /** Whether raw clients go through the proxy too: not where it changes what is sent. */
  readonly rawThroughProxy: boolean;
  readonly writesPerSecond: number;
  /** Raw clients that read in turns only, and the size of what is written for them. */
  readonly slow?: { readonly pausesMs: number; readonly ruleBytes: number };
  /** Variables of the server's process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The server is the one that can fail, armed so from its start. */
  readonly failpoints?: Failpoints;
  /** A relay stands behind the proxy, and clients that have faults between them and the server speak to it. */
  readonly relay?: true;
  /** SDKs are processes of their own. */
  readonly sdkProcesses?: true;
  /** Server and SDKs have clocks that can be set; where the machine cannot do that, the scenario is skipped. */
  readonly fakedClocks?: true;
  /** Flags that nobody writes to, so that a snapshot is large, and the size of each. */
  readonly ballast?: { readonly flags: number; readonly ruleBytes: number };
  /** Where SDKs end. `REFUSED` tries again after minutes; no run waits for that. */
  readonly ends: 'LIVE' | 'REFUSED';
  /** An SDK must have left `LIVE` meanwhile. */
  readonly interrupts: boolean;
  /** Readers must have got several revisions in one commit. */
  readonly merges?: boolean;
  /** The proxy must have edited at least one frame. */
  readonly editsFrames?: boolean;
}

const USUAL = { rawThroughProxy: true, writesPerSecond: 20, ends: 'LIVE', interrupts: true } as const;
const CALM: Fault = { fault: 'calm', forMs: [400, 900] };

/** Beside the machine's time. */
const CLOCK_JUMPS_MINUTES = [10, -10, 0, -60, 0];

/** Every scenario is judged by every validator. */
export const SCENARIOS: readonly Scenario[] = [
  {
    ...USUAL,
    name: 'kill-and-cut',
    title: '[DUR-2, ORD-1] kill -9 and cut connections under writes lose nothing acknowledged',
    writesPerSecond: 50,
    faults: [
      { fault: 'proxy', does: { cutAfterBytes: 3000 }, forMs: [200, 600] },
      { fault: 'restart', signal: 'SIGKILL' },
      CALM,
    ],
    rounds: { short: 3, long: 60 },
  },
  {
    ...USUAL,
    name: 'relay',
    title:
      '[RL5, RL16, ORD-1] a relay that misses revisions, and restarts without its server, keeps the contract',
    relay: true,
    faults: [
      { fault: 'proxy', does: { swallow: 'down' }, forMs: [4500, 5500] },
      { fault: 'restart', signal: 'SIGKILL' },
      CALM,
      { fault: 'proxy', does: { cutAfterBytes: 3000 }, forMs: [400, 800] },
      { fault: 'restart relay', signal: 'SIGKILL' },
      CALM,
      { fault: 'reset' },
      { fault: 'proxy', does: { splitAt: 7, delayMs: 5, jitterMs: 40 }, forMs: [1000, 2000] },
      CALM,
    ],
    rounds: { short: 1, long: 12 },
    merges: true,
  },
  {
    ...USUAL,
    name: 'terminate',
    title: '[DRN-1, ORD-1] SIGTERM and a new start under writes lose nothing',
    faults: [{ fault: 'restart', signal: 'SIGTERM' }, CALM],
    rounds: { short: 2, long: 30 },
  },
  {
    ...USUAL,
    name: 'half-open-down',
    title: '[SDK-6, SDK-13] a link that swallows what the server sends is left within three heartbeats',
    faults: [{ fault: 'proxy', does: { swallow: 'down' }, forMs: [4500, 5500] }, CALM],
    rounds: { short: 1, long: 8 },
  },
  {
    ...USUAL,
    name: 'half-open-up',
    title: '[SDK-6, ORD-1] a link that swallows what clients send is survived',
    faults: [
      { fault: 'proxy', does: { swallow: 'up' }, forMs: [200, 400] },
      { fault: 'reset' },
      { fault: 'proxy', does: { swallow: 'up' }, forMs: [2500, 3500] },
      CALM,
    ],
    rounds: { short: 1, long: 8 },
  },
  {
    ...USUAL,
    name: 'reset-storm',
    title: '[ORD-1, SDK-4] connections that are reset again and again deliver everything once',
    faults: [{ fault: 'reset' }, { fault: 'calm', forMs: [50, 500] }],
    rounds: { short: 6, long: 150 },
  },
  {
    ...USUAL,
    name: 'split',
    title: '[SDK-16, ORD-3] a stream split at every byte never shows half a change set',
    faults: [
      { fault: 'reset' },
      { fault: 'proxy', does: { splitAt: 1 }, forMs: [3000, 4000] },
      { fault: 'proxy', does: { splitAt: 7, delayMs: 5, jitterMs: 40 }, forMs: [1000, 2000] },
    ],
    rounds: { short: 1, long: 15 },
  },
  {
    ...USUAL,
    name: 'slow-link',
    title: '[ORD-1, OVL-9] a link that delays, throttles and holds back keeps order',
    faults: [
      { fault: 'proxy', does: { delayMs: 20, jitterMs: 150 }, forMs: [1500, 2500] },
      { fault: 'proxy', does: { bytesPerSecond: 4000 }, forMs: [1500, 2500] },
      { fault: 'proxy', does: { bufferUntilBytes: 4096 }, forMs: [1500, 2500] },
      CALM,
    ],
    rounds: { short: 1, long: 12 },
    interrupts: false,
  },
  {
    ...USUAL,
    name: 'lost-frame',
    title: '[ORD-7] a frame that is lost is found by the digest, and never served',
    rawThroughProxy: false,
    faults: [
      { fault: 'reset' },
      { fault: 'proxy', does: { dropFrame: 3 }, forMs: [2500, 3500] },
      { fault: 'reset' },
      { fault: 'proxy', does: { dropFrame: 2 }, forMs: [2500, 3500] },
      CALM,
    ],
    rounds: { short: 1, long: 15 },
    editsFrames: true,
  },
  {
    ...USUAL,
    name: 'repeated-frame',
    title: '[ORD-6, ORD-7] a frame that comes twice moves nobody back',
    rawThroughProxy: false,
    faults: [
      { fault: 'reset' },
      { fault: 'proxy', does: { repeatFrame: 2 }, forMs: [2500, 3500] },
      { fault: 'reset' },
      { fault: 'proxy', does: { repeatFrame: 3 }, forMs: [2500, 3500] },
      CALM,
    ],
    rounds: { short: 1, long: 15 },
    interrupts: false,
    editsFrames: true,
  },
  ...[503, 429, 200].map(
    (answerStatus): Scenario => ({
      ...USUAL,
      name: `answers-${answerStatus}`,
      title: `[SDK-4, SDK-5] a middlebox that answers ${answerStatus}${answerStatus === 200 ? ' and ends' : ''} is outlived`,
      faults: [
        { fault: 'proxy', does: { answerStatus }, forMs: [200, 400] },
        { fault: 'reset' },
        { fault: 'proxy', does: { answerStatus }, forMs: [1000, 2000] },
        CALM,
      ],
      rounds: { short: 1, long: 10 },
    }),
  ),
  {
    ...USUAL,
    name: 'answers-401',
    title: '[SDK-4] a middlebox that answers 401 leaves SDKs refused, with the values that they had',
    faults: [
      { fault: 'calm', forMs: [500, 800] },
      { fault: 'proxy', does: { answerStatus: 401 }, forMs: [100, 200] },
      { fault: 'reset' },
      { fault: 'proxy', does: { answerStatus: 401 }, forMs: [2500, 3000] },
    ],
    rounds: { short: 1, long: 1 },
    ends: 'REFUSED',
  },
  {
    ...USUAL,
    name: 'slow-readers',
    title: '[OVL-3, ORD-1] readers that stop for seconds get the merged state, and delay nobody',
    faults: [{ fault: 'calm', forMs: [11_000, 12_000] }],
    writesPerSecond: 40,
    rounds: { short: 1, long: 4 },
    slow: { pausesMs: 5000, ruleBytes: 60_000 },
    interrupts: false,
    merges: true,
  },
  {
    ...USUAL,
    name: 'frozen',
    title: '[SDK-7, ORD-1] a server that is stopped for seconds is noticed, and lies to nobody afterwards',
    faults: [CALM, { fault: 'freeze', forMs: [4500, 6000] }, CALM],
    rounds: { short: 1, long: 10 },
  },
  {
    ...USUAL,
    name: 'poisoned-rows',
    title: '[BAD-3] rows that were spoilt by SQL harm one flag',
    faults: [{ fault: 'poison' }, CALM],
    rounds: { short: 2, long: 20 },
  },
  {
    ...USUAL,
    name: 'late-snapshot',
    title: '[ORD-5] commits between a subscription and its late snapshot are neither lost nor doubled',
    faults: [{ fault: 'restart', signal: 'SIGKILL' }, CALM],
    rounds: { short: 1, long: 12 },
    failpoints: { snapshot: { sleepMs: 300 }, changes: { sleepMs: 30 } },
    merges: true,
  },
  {
    ...USUAL,
    name: 'slow-disk',
    title: '[ORD-1, SDK-7] a disk that takes its time over every commit delays, and disorders nothing',
    faults: [{ fault: 'calm', forMs: [3000, 4000] }, { fault: 'reset' }],
    rounds: { short: 1, long: 20 },
    failpoints: { commit: { sleepMs: 30 } },
    merges: true,
  },
  {
    ...USUAL,
    name: 'frozen-sdks',
    title: '[OVL-3, ORD-1] SDKs that are stopped while changes flow go on where the server is',
    faults: [CALM, { fault: 'freeze SDKs', forMs: [4500, 6000] }, CALM],
    rounds: { short: 1, long: 12 },
    sdkProcesses: true,
    interrupts: false,
  },
  {
    ...USUAL,
    name: 'clock-jumps',
    title: '[ORD-1, SDK-7] wall clocks that jump by minutes and back by an hour change nothing',
    faults: CLOCK_JUMPS_MINUTES.flatMap((minutes): readonly Fault[] => [
      { fault: 'clocks', byMs: minutes * 60_000 },
      { fault: 'calm', forMs: [600, 800] },
      // A stream that is opened beside the machine's time.
      { fault: 'reset' },
      { fault: 'calm', forMs: [1200, 1600] },
    ]),
    rounds: { short: 1, long: 12 },
    sdkProcesses: true,
    fakedClocks: true,
    interrupts: false,
  },
  {
    ...USUAL,
    name: 'crowded',
    title: '[OVL-2, SEC-16] sockets that say nothing, drip, or never read take nothing from the others',
    faults: [
      { fault: 'crowd', sockets: 200, habit: 'never speaks', forMs: [1500, 2000] },
      { fault: 'crowd', sockets: 200, habit: 'drips', forMs: [1500, 2000] },
      { fault: 'crowd', sockets: 200, habit: 'never reads', forMs: [1500, 2000] },
      CALM,
    ],
    rounds: { short: 1, long: 10 },
    interrupts: false,
  },
  {
    ...USUAL,
    name: 'little-memory',
    title: '[OVL-2, ORD-1] a heap of 192 MB carries many readers of a snapshot of 8 MB',
    faults: [
      { fault: 'crowd', sockets: 150, habit: 'never reads', forMs: [2500, 3000] },
      { fault: 'reset' },
      CALM,
    ],
    writesPerSecond: 5,
    environment: { NODE_OPTIONS: '--max-old-space-size=192' },
    ballast: { flags: 130, ruleBytes: 60_000 },
    rounds: { short: 1, long: 10 },
  },
];
