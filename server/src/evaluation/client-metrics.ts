import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';
import type { LimitKind } from '../http/limit-requests.ts';

/** What client keys cost. */
export interface ClientMetrics {
  /** Evaluations that were made for them. */
  addEvaluations(count: number): void;
  /** A request was refused. */
  limited(kind: LimitKind): void;
}

/** @param sharedAddress - The greatest share of the last minute's requests that came from one address, 0 to 1. */
export function registerClientMetrics(registry: Registry, sharedAddress: () => number): ClientMetrics {
  const registers = [registry];
  const evaluations = new Counter({
    name: 'dimmer_client_evaluations_total',
    help: 'Evaluations made for client keys.',
    registers,
  });
  const limited = new Counter({
    name: 'dimmer_client_requests_limited_total',
    help: 'Requests of client keys that met a limit, by limit.',
    labelNames: ['limit'],
    registers,
  });
  new Gauge({
    name: 'dimmer_client_address_share',
    help: 'The greatest share of the last minute that one address had of the requests of client keys.',
    registers,
    collect() {
      this.set(sharedAddress());
    },
  });
  return {
    addEvaluations: (count) => evaluations.inc(count),
    limited: (limit) => limited.inc({ limit }),
  };
}
