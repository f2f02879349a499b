import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { repeat } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Turns } from '../platform/turns.ts';
import { createTurns } from '../platform/turns.ts';
import type {
  InstanceNews,
  InstanceStore,
  OtherInstance,
  SharedInstance,
} from '../storage/instance-store.ts';
import type { Instance } from './instance.ts';
import { isPresent } from './instance.ts';
import { documentOf, instanceOf } from './instance-document.ts';
import type { InstanceRegistry, Urgency } from './instance-registry.ts';
import { byId } from './instance-registry.ts';
import { mergeInstances } from './merge-instances.ts';

/** How often what is urgent is shared: that an instance has applied something. In milliseconds. */
const SOON_MS = 100;

/** How often all else is shared, and that this server lives, in milliseconds. */
const LATER_MS = 1_000;

/** Everything is shared anew so often, so that nothing that lasts is deleted as old, in milliseconds. */
const ANEW_MS = 240_000;

/** How often what others have shared is read, in milliseconds. */
const READ_MS = 250;

/** Everything of the others is read so often, whatever changed, in milliseconds. */
const READ_ALL_MS = 30_000;

/** What was shared becomes readable a moment later: so much is read again, in milliseconds. */
const OVERLAP_MS = 1_000;

/** How many instances of others are taken in one turn of the event loop: a kill may wait for it. */
const TAKEN_PER_TURN = 50;

/** Instances in one statement. */
const INSTANCES_PER_WRITE_MAX = 500;

/** For how long after its farewell an instance is not believed to run, whoever says so, in milliseconds. */
const GONE_MS = 120_000;

export interface InstanceExchangePorts {
  readonly registry: Pick<InstanceRegistry, 'known' | 'find' | 'environments'>;
  readonly store: InstanceStore;
  /** Of this process: one name per start. */
  readonly server: string;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
}

/** An instance that another server has told of. */
interface Told {
  readonly server: string;
  readonly document: string;
  readonly instance: Instance;
}

interface Waiting extends EnvironmentRef {
  readonly id: string;
}

/**
 * The instances of all servers of one database. Each server keeps its own in memory and shares what changed, many in one
 * statement, so that a thousand that register at once cost a few writes (SPEC.md, M20 and on).
 */
export class InstanceExchange {
  readonly #ports: InstanceExchangePorts;
  /** What is to be shared. */
  readonly #soon = new Map<string, Waiting>();
  readonly #later = new Map<string, Waiting>();
  /** What others have told: by environment, then by id and server. */
  readonly #told = new Map<string, Map<string, Map<string, Told>>>();
  /** Instances that have ended: when that was known here. */
  readonly #gone = new Map<string, number>();
  readonly #turns: Turns;
  readonly #stop: () => Promise<unknown>;
  #servers: ReadonlySet<string> = new Set();
  #sharedAt = Number.NEGATIVE_INFINITY;
  #sharedAllAt: number;
  #readUntil: number | undefined;
  #readAllAt = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(ports: InstanceExchangePorts) {
    const { schedule, clock } = ports;
    this.#ports = ports;
    this.#sharedAllAt = clock.now();
    this.#turns = createTurns(schedule);
    const onFailure = (cause: unknown): void => this.#fail(cause);
    const sharing = repeat(schedule, SOON_MS, { run: () => this.#share(), onFailure });
    const reading = repeat(schedule, READ_MS, { run: () => this.#read(), onFailure });
    this.#stop = () => Promise.all([sharing.stop(), reading.stop()]);
  }

  /** An instance of this server has changed. @param urgency - `soon` where somebody may be waiting for it. */
  changed(environment: EnvironmentRef, id: string, urgency: Urgency): void {
    const name = instanceName(environment, id);
    const { project, environment: key } = environment;
    if (urgency === 'soon') this.#soon.set(name, { project, environment: key, id });
    else if (!this.#soon.has(name)) this.#later.set(name, { project, environment: key, id });
  }

  /** The instances that run now, whatever server they speak to, by id. */
  present(environment: EnvironmentRef): readonly Instance[] {
    const now = this.#ports.clock.now();
    const byName = new Map<string, [Instance, ...Instance[]]>();
    for (const instance of this.#known(environment)) {
      const known = byName.get(instance.id);
      if (known === undefined) byName.set(instance.id, [instance]);
      else known.push(instance);
    }
    return [...byName.values()]
      .map(mergeInstances)
      .filter(
        (instance) => isPresent(instance, now) && !this.#gone.has(instanceName(environment, instance.id)),
      )
      .sort(byId);
  }

  /** Shares what is left, and that this server leaves. */
  async close(): Promise<void> {
    const { store, server, log } = this.#ports;
    await this.#stop();
    try {
      await this.#shareAll([...this.#soon.values(), ...this.#later.values()]);
      await store.leave(server);
    } catch (err) {
      log.warn({ err }, 'the last of the instances was not shared');
    }
  }

  *#known(environment: EnvironmentRef): Iterable<Instance> {
    yield* this.#ports.registry.known(environment);
    for (const byServer of this.#told.get(nameOf(environment))?.values() ?? []) {
      for (const { server, instance } of byServer.values()) {
        // Nobody would tell that a stream has ended with its server.
        yield this.#servers.has(server) ? instance : { ...instance, streams: 0 };
      }
    }
  }

  async #share(): Promise<void> {
    const now = this.#ports.clock.now();
    if (now - this.#sharedAllAt >= ANEW_MS) this.#takeAll(now);
    const isDue = Math.abs(now - this.#sharedAt) >= LATER_MS;
    if (this.#soon.size === 0 && !isDue) return;
    const waiting = [this.#soon, ...(isDue ? [this.#later] : [])].flatMap((queue) => {
      const taken = [...queue.values()];
      queue.clear();
      return taken;
    });
    if (isDue) this.#sharedAt = now;
    await this.#shareAll(waiting);
    this.#succeed();
  }

  /** One statement at least, which says that the server lives. */
  async #shareAll(waiting: readonly Waiting[]): Promise<void> {
    const { store, server } = this.#ports;
    let from = 0;
    do {
      const some = waiting.slice(from, from + INSTANCES_PER_WRITE_MAX);
      await store.write(
        server,
        some.map((one) => this.#sharedOf(one)),
      );
      from += INSTANCES_PER_WRITE_MAX;
    } while (from < waiting.length);
  }

  #sharedOf(waiting: Waiting): SharedInstance {
    const instance = this.#ports.registry.find(waiting, waiting.id);
    if (instance === undefined) this.#gone.set(instanceName(waiting, waiting.id), this.#ports.clock.now());
    return { ...waiting, document: instance === undefined ? null : documentOf(instance) };
  }

  /** The database may have lost what was shared, as it may after a crash. */
  #fail(err: unknown): void {
    this.#takeAll(this.#ports.clock.now());
    this.#readUntil = undefined;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#ports.log.warn(
      { err },
      'instances are not shared with other servers: receipts show those of this one',
    );
  }

  #succeed(): void {
    if (this.#isFailing) this.#ports.log.info({}, 'instances are shared with other servers again');
    this.#isFailing = false;
  }

  #takeAll(now: number): void {
    this.#sharedAllAt = now;
    for (const environment of this.#ports.registry.environments()) {
      for (const { id } of this.#ports.registry.known(environment)) this.changed(environment, id, 'later');
    }
  }

  async #read(): Promise<void> {
    const { store, server, clock } = this.#ports;
    const now = clock.now();
    const isAll = this.#readUntil === undefined || Math.abs(now - this.#readAllAt) >= READ_ALL_MS;
    const news = await store.read(server, isAll ? undefined : this.#readUntil);
    this.#readUntil = news.at - OVERLAP_MS;
    if (isAll) this.#forgetAllBut(news);
    if (isAll) this.#readAllAt = now;
    await this.#take(news, now);
  }

  /** Forgets what nobody shares any more. */
  #forgetAllBut({ instances }: InstanceNews): void {
    const shared = new Set(instances.map((told) => `${told.server} ${instanceName(told, told.id)}`));
    for (const [name, environment] of this.#told) {
      for (const [id, byServer] of environment) {
        for (const server of byServer.keys()) {
          if (!shared.has(`${server} ${name}/${id}`)) byServer.delete(server);
        }
        if (byServer.size === 0) environment.delete(id);
      }
    }
  }

  async #take({ instances, servers }: InstanceNews, now: number): Promise<void> {
    this.#servers = servers;
    for (const [name, at] of this.#gone) if (now - at > GONE_MS) this.#gone.delete(name);
    let taken = 0;
    for (const told of instances) {
      if (!this.#takeOne(told, now)) continue;
      taken += 1;
      if (taken % TAKEN_PER_TURN === 0) await this.#turns.next();
    }
  }

  /** @returns Whether it was news: what is read again because of the overlap is not decoded again. */
  #takeOne(told: OtherInstance, now: number): boolean {
    const { id, server, document } = told;
    const known = this.#told.get(nameOf(told))?.get(id)?.get(server);
    if (known !== undefined && known.document === document) return false;
    const name = nameOf(told);
    const environment = this.#told.get(name) ?? new Map<string, Map<string, Told>>();
    this.#told.set(name, environment);
    const byServer = environment.get(id) ?? new Map<string, Told>();
    const instance = document === null ? undefined : instanceOf(id, document);
    if (document === null && !this.#gone.has(instanceName(told, id)))
      this.#gone.set(instanceName(told, id), now);
    if (instance === undefined || document === null) byServer.delete(server);
    else byServer.set(server, { server, document, instance });
    if (byServer.size === 0) environment.delete(id);
    else environment.set(id, byServer);
    return true;
  }
}

function instanceName(environment: EnvironmentRef, id: string): string {
  return `${nameOf(environment)}/${id}`;
}
