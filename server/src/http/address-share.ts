import type { Clock } from '../platform/clock.ts';

const MINUTE_MS = 60_000;

/** Below so many requests a minute one address is no sign of anything. */
const REQUESTS_MIN = 600;

/** Beyond this share of a minute's requests, an address is more likely a proxy than a person. */
const SHARE_MAX = 0.9;

/** How many addresses of a minute are told apart; the others count as requests only. */
const ADDRESSES_MAX = 10_000;

/**
 * Notices that nearly all requests seem to come from one address: a proxy that is not named in
 * `DIMMER_TRUSTED_PROXIES`, behind which everybody shares one limit.
 */
export class AddressShareWatch {
  readonly #clock: Clock;
  readonly #onShared: (share: number) => void;
  #requests = new Map<string, number>();
  #total = 0;
  #began: number;
  #share = 0;

  /** @param onShared - Told the share, once for each such minute. */
  constructor(clock: Clock, onShared: (share: number) => void) {
    this.#clock = clock;
    this.#onShared = onShared;
    this.#began = clock.now();
  }

  /** The greatest share that one address had in the last full minute, 0 to 1. */
  get share(): number {
    return this.#share;
  }

  count(address: string): void {
    if (this.#clock.now() - this.#began >= MINUTE_MS) this.#turn();
    this.#total += 1;
    const known = this.#requests.get(address);
    if (known !== undefined || this.#requests.size < ADDRESSES_MAX) {
      this.#requests.set(address, (known ?? 0) + 1);
    }
  }

  #turn(): void {
    const most = [...this.#requests.values()].reduce((left, right) => Math.max(left, right), 0);
    this.#share = this.#total < REQUESTS_MIN ? 0 : most / this.#total;
    this.#requests = new Map();
    this.#total = 0;
    this.#began = this.#clock.now();
    if (this.#share > SHARE_MAX) this.#onShared(this.#share);
  }
}
