import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { DeliverySource, Standing } from './delivery-source.ts';

type Standings = ReadonlyMap<string, Standing>;

/** Where every environment is, by its name: one question for all who ask in the same moment. */
export class Whereabouts {
  readonly #ask: () => Promise<readonly Standing[]>;
  #next: Promise<Standings> | undefined;

  constructor(ask: NonNullable<DeliverySource['environments']>) {
    this.#ask = ask;
  }

  /** Of all environments, by a question that is asked after this call. */
  all(): Promise<Standings> {
    this.#next ??= this.#askSoon();
    return this.#next;
  }

  /** @returns `undefined` where there is no such environment. */
  async of(environment: EnvironmentRef): Promise<Standing | undefined> {
    return (await this.all()).get(nameOf(environment));
  }

  async #askSoon(): Promise<Standings> {
    // Everybody who asks in this tick gets this answer; whoever asks later may want a newer one.
    await Promise.resolve();
    this.#next = undefined;
    return new Map((await this.#ask()).map((standing) => [nameOf(standing), standing]));
  }
}
