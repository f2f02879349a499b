import type { SnapshotDocument } from '@dimmer/schema';
import { INSTANCE_PATTERN, LIMITS } from '@dimmer/schema';
import type { DimmerLogger } from './logger.ts';

/** How a Dimmer is set up. Only `url` and `key` are required. */
export interface DimmerOptions {
  /** Where the Dimmer server is: `http://127.0.0.1:4400`. A path in front of the routes is kept. */
  readonly url: string | URL;
  /** A server key, `dim_srv_...`: it decides the project and the environment. */
  readonly key: string | undefined;
  /**
   * Where the last good snapshot is kept, so that a start without the server serves what was served before.
   * On by default, in a directory of this user under the system's temporary directory; `false` turns it off.
   */
  readonly cache?: CacheOptions | false;
  /** A snapshot that came with the program, or the path of a file that holds one. The cache goes before it. */
  readonly bootstrap?: SnapshotDocument | string;
  /**
   * What `ready` does when there are no values at all in time, neither stored nor from the server:
   * `serve` (default) resolves, and callers get their fallbacks; `fail` rejects.
   */
  readonly onColdStart?: 'serve' | 'fail';
  /** What runs here. Told to the server with reports, never used to evaluate. */
  readonly application?: ApplicationFacts;
  /**
   * Whether the server is told that this instance runs, what it has applied and what it has served. On by
   * default; without it, a receipt cannot name this instance.
   */
  readonly reports?: boolean;
  readonly limits?: Partial<DimmerLimits>;
  /** Used instead of the global `fetch`, for proxies and private certificates. */
  readonly fetch?: typeof globalThis.fetch;
  /** Where to write. By default only the first warning and the first error become process warnings. */
  readonly logger?: DimmerLogger;
}

export interface CacheOptions {
  /** An existing directory, or one that can be made. */
  readonly directory?: string;
}

/** What the server shows of this program beside its revision. */
export interface ApplicationFacts {
  readonly name?: string;
  /** A version, a commit, an image: whatever tells two deployments apart. */
  readonly build?: string;
  /** Tells this process from all others, visible ASCII characters; random by default. */
  readonly instance?: string;
}

/** Every bound on memory. What goes beyond one is dropped and counted, or the stream is taken anew. */
export interface DimmerLimits {
  /** Bytes of one message of the stream. */
  readonly frameBytesMax: number;
  /** Bytes of a cache or bootstrap file, and of the answer to a poll. */
  readonly storedBytesMax: number;
  /** Different fallbacks that are told apart per flag, beside the usual one. */
  readonly fallbacksPerFlagMax: number;
  /** Flags that do not exist, or were replaced, with exposures that are not reported yet. */
  readonly unreportedFlagsMax: number;
  /** Events of `track` that are not reported yet. */
  readonly trackedEventsMax: number;
}

/** Twice what the server allows, so that a raise there never breaks a program that is already out. */
export const DEFAULT_LIMITS: DimmerLimits = {
  frameBytesMax: 2 * LIMITS.segmentBytes,
  storedBytesMax: 2 * LIMITS.snapshotBytes,
  fallbacksPerFlagMax: 10,
  unreportedFlagsMax: 1_000,
  trackedEventsMax: 10_000,
};

/** Options that were checked, with everything filled in that does not depend on the machine. */
export interface CheckedOptions extends DimmerOptions {
  readonly url: URL;
  readonly key: string;
  readonly onColdStart: 'serve' | 'fail';
  readonly limits: DimmerLimits;
}

/**
 * Checks options. Wrong ones are a mistake in the program, found at its start.
 *
 * @throws TypeError that names the option, the rule and the remedy. It never contains the key.
 */
export function checkOptions(options: DimmerOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) {
    throw wrong('options', 'must be an object', 'give at least `url` and `key`');
  }
  const { onColdStart = 'serve' } = options;
  if (onColdStart !== 'serve' && onColdStart !== 'fail') {
    throw wrong('onColdStart', "must be 'serve' or 'fail'", 'leave it out for serve');
  }
  checkCache(options.cache);
  checkApplication(options.application);
  return {
    ...options,
    url: checkUrl(options.url),
    key: checkKey(options.key),
    onColdStart,
    limits: checkLimits(options.limits ?? {}),
  };
}

function checkUrl(value: unknown): URL {
  const text = value instanceof URL ? value.href : value;
  if (typeof text !== 'string' || !URL.canParse(text)) {
    throw wrong('url', 'must be an absolute URL', 'give the address of the server, as http://127.0.0.1:4400');
  }
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw wrong('url', 'must begin with http: or https:', 'give the address of the server');
  }
  if (url.username !== '' || url.password !== '') {
    throw wrong('url', 'must not contain a user or password', 'send them from your own `fetch`');
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function checkKey(value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw wrong('key', 'must be a server key', 'set the variable that it is read from, or make a key');
  }
  if (value.startsWith('dim_cli_')) {
    throw wrong('key', 'is a client key, which opens evaluated values only', 'use a key with dim_srv_');
  }
  if (value.startsWith('dim_adm_')) {
    throw wrong('key', 'is an admin key, which belongs to people and tools', 'use a key with dim_srv_');
  }
  if (!/^dim_srv_[0-9A-Za-z]{32,}$/.test(value)) {
    throw wrong('key', 'must be dim_srv_ and at least 32 letters and digits', 'copy the whole key');
  }
  return value;
}

function checkCache(value: unknown): void {
  if (value === undefined || value === false) return;
  if (typeof value !== 'object' || value === null) {
    throw wrong('cache', 'must be false or { directory }', 'leave it out for the usual directory');
  }
  const directory = 'directory' in value ? value.directory : undefined;
  if (directory !== undefined && (typeof directory !== 'string' || directory === '')) {
    throw wrong('cache.directory', 'must be a path', 'leave it out for the usual directory');
  }
}

function checkApplication(value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null) {
    throw wrong('application', 'must be an object', 'give { name, build, instance }, or leave it out');
  }
  for (const [name, fact] of Object.entries(value)) {
    if (fact !== undefined && typeof fact !== 'string') {
      throw wrong(`application.${name}`, 'must be a text', 'leave it out, or give a text');
    }
  }
  const instance = 'instance' in value ? value.instance : undefined;
  if (typeof instance === 'string' && !INSTANCE_PATTERN.test(instance)) {
    throw wrong(
      'application.instance',
      'must be 1 to 100 visible ASCII characters',
      'leave it out for a random one',
    );
  }
}

function checkLimits(given: Partial<DimmerLimits>): DimmerLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) {
      throw wrong(`limits.${name}`, 'is not a limit', `use ${Object.keys(DEFAULT_LIMITS).join(', ')}`);
    }
    if (!Number.isSafeInteger(value) || value < 0) {
      throw wrong(`limits.${name}`, 'must be a whole number, 0 or more', 'leave it out for the usual one');
    }
  }
  return { ...DEFAULT_LIMITS, ...given };
}

function wrong(option: string, rule: string, remedy: string): TypeError {
  return new TypeError(`Dimmer: the option \`${option}\` ${rule}; ${remedy}.`);
}
