import type { Clock } from '../../platform/clock.ts';
import type { InstanceNews, InstanceStore, OtherInstance, SharedInstance } from '../instance-store.ts';
import { SERVER_SILENT_AFTER_MS, SHARED_KEPT_MS } from '../instance-store.ts';

/** Instances of several servers of one process: the reference of the other adapters. */
export class MemoryInstances implements InstanceStore {
  readonly #clock: Clock;
  readonly #instances = new Map<string, OtherInstance & { readonly at: number }>();
  readonly #servers = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async write(server: string, instances: readonly SharedInstance[]): Promise<void> {
    const at = this.#clock.now();
    this.#servers.set(server, at);
    for (const instance of instances) {
      const { project, environment, id } = instance;
      this.#instances.set(JSON.stringify([server, project, environment, id]), { ...instance, server, at });
    }
  }

  async read(server: string, since = Number.NEGATIVE_INFINITY): Promise<InstanceNews> {
    const at = this.#clock.now();
    const others = [...this.#instances.values()].filter((one) => one.server !== server && one.at >= since);
    const alive = [...this.#servers].filter(([, seenAt]) => at - seenAt <= SERVER_SILENT_AFTER_MS);
    return {
      instances: others.map(({ at: _, ...instance }) => instance),
      servers: new Set(alive.map(([name]) => name)),
      at,
    };
  }

  async leave(server: string): Promise<void> {
    this.#servers.delete(server);
  }

  async prune(): Promise<void> {
    const before = this.#clock.now() - SHARED_KEPT_MS;
    for (const [key, { at }] of this.#instances) if (at < before) this.#instances.delete(key);
    for (const [server, seenAt] of this.#servers) if (seenAt < before) this.#servers.delete(server);
  }
}
