import { Dimmer } from '@dimmer/node';
import { KILLED, RAMP, SINGLE } from '../../../test/faults/traffic.ts';

/** Flags that are there from the beginning to the end. */
const FLAGS = [SINGLE, KILLED, RAMP];
const EVERY_MS = 5;
/** Users asked about at each turn. */
const USERS = 20;

/** A program that asks for flags all the time. */
export interface Evaluations {
  readonly made: number;
  /** Those that came back with an error. */
  readonly failed: number;
  stop(): Promise<void>;
}

/** @throws Error where the SDK does not come to live. */
export async function startEvaluations(url: string, key: string): Promise<Evaluations> {
  const flags = new Dimmer({ url, key, cache: false });
  const { state } = await flags.ready({ timeoutMs: 30_000 });
  if (state !== 'LIVE') throw new Error(`the SDK is ${state}, not LIVE`);
  let [made, failed, turn] = [0, 0, 0];
  const timer = setInterval(() => {
    turn += 1;
    for (let user = 0; user < USERS; user += 1) {
      for (const flag of FLAGS) {
        made += 1;
        const { reason } = flags.detail(flag, { targetingKey: `user-${turn}-${user}` }, false);
        if (reason === 'ERROR') failed += 1;
      }
    }
  }, EVERY_MS);
  return {
    get made() {
      return made;
    },
    get failed() {
      return failed;
    },
    async stop() {
      clearInterval(timer);
      await flags.close();
    },
  };
}
