import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from 'prom-client';
import { aroundCalls, whenEnded } from './around-calls.ts';
import type { Storage } from './storage.ts';
import { StorageFault } from './storage.ts';

/** From a read in memory to a disk that hangs, in seconds. */
const CALL_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/**
 * The storage, with the time and the faults of each of its calls counted by operation, whatever the adapter; and its
 * connections, where it has any.
 *
 * @example const storage = measured(await openSqliteStorage({ path, clock }), registry);
 */
export function measured(storage: Storage, registry: Registry): Storage {
  const registers = [registry];
  const seconds = new Histogram({
    name: 'dimmer_database_call_seconds',
    help: 'Time that a call of the database took, by operation, waiting for others included.',
    labelNames: ['operation'],
    buckets: CALL_SECONDS,
    registers,
  });
  const faults = new Counter({
    name: 'dimmer_database_faults_total',
    help: 'Calls of the database that failed, by operation and fault; `defect` is a mistake of the server.',
    labelNames: ['operation', 'fault'],
    registers,
  });
  registerConnections(registers, storage);
  return aroundCalls(storage, (operation, call) => {
    const stop = seconds.startTimer({ operation });
    return whenEnded(call, (failure) => {
      stop();
      if (failure !== undefined) faults.inc({ operation, fault: faultOf(failure.cause) });
    });
  });
}

function faultOf(cause: unknown): StorageFault['fault'] | 'defect' {
  return cause instanceof StorageFault ? cause.fault : 'defect';
}

function registerConnections(registers: Registry[], storage: Storage): void {
  new Gauge({
    name: 'dimmer_database_connections',
    help: 'Connections to the database by state, and callers that wait for one; none with SQLite, which has no connections.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      const use = storage.connections?.();
      for (const [state, count] of Object.entries(use ?? {})) this.set({ state }, count);
    },
  });
}
