import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** What this process has asked a server for so far. */
export interface RequestCount {
  /** Every request. */
  all(): number;
  /** Those of SDKs: streams, polls, reports. */
  ofSdks(): number;
  stop(): void;
}

/** Marks a request that is none of an SDK, though its route is one of theirs. */
export const NO_SDK = 'no-sdk';

/** The channel on which `fetch` of Node tells of each request that it makes. */
const CHANNEL = 'undici:request:create';

/** @param origin - The server. */
export function countRequests(origin: string): RequestCount {
  let [all, ofSdks] = [0, 0];
  const count = (told: unknown): void => {
    const { request } = told as { readonly request: { readonly origin: string; readonly path: string } };
    if (request.origin !== origin) return;
    all += 1;
    if (request.path.startsWith('/sdk/v1/') && !request.path.includes(NO_SDK)) ofSdks += 1;
  };
  subscribe(CHANNEL, count);
  return { all: () => all, ofSdks: () => ofSdks, stop: () => unsubscribe(CHANNEL, count) };
}
