import { EnvironmentKeys } from '@dimmer/schema/rest';
import { readBytes } from '../http/json-body.ts';
import type { Upstream } from './upstream.ts';
import { faultOf, headersTo, refusalOf, routeOf } from './upstream.ts';

/** What came of one request for the keys. */
export type KeysAnswer =
  | { readonly outcome: 'keys'; readonly keys: EnvironmentKeys; readonly etag: string | null }
  /** They are those that were named. */
  | { readonly outcome: 'unchanged' }
  /** The relay's own key opens nothing any more. */
  | { readonly outcome: 'refused'; readonly message: string }
  | { readonly outcome: 'failed'; readonly message: string };

/** Asks for the keys of the environment, unless they are those of the tag. Never rejects. */
export type AskKeys = (etag: string | null) => Promise<KeysAnswer>;

/** Bytes of the list of keys; a longer one is not used. */
const BYTES_MAX = 4_194_304;

/** Asks `GET /sdk/v1/keys` of the upstream, for at most `timeoutMs`. */
export function upstreamKeys(upstream: Upstream, timeoutMs: number): AskKeys {
  return async (etag) => {
    try {
      return await ask(upstream, etag, AbortSignal.timeout(timeoutMs));
    } catch (cause) {
      return { outcome: 'failed', message: faultOf(cause) };
    }
  };
}

async function ask(upstream: Upstream, etag: string | null, signal: AbortSignal): Promise<KeysAnswer> {
  const headers = {
    ...headersTo(upstream, 'application/json'),
    ...(etag !== null && { 'if-none-match': etag }),
  };
  const response = await upstream.fetch(routeOf(upstream, 'sdk/v1/keys'), { headers, signal });
  if (response.status === 304) return { outcome: 'unchanged' };
  if (response.status !== 200) {
    const { message, status } = refusalOf(response, upstream.wallNow());
    return { outcome: status === 401 || status === 403 ? 'refused' : 'failed', message };
  }
  const bytes = await readBytes(response.body, BYTES_MAX);
  if (!bytes.ok) return { outcome: 'failed', message: bytes.rejection.detail };
  const parsed = EnvironmentKeys.safeParse(JSON.parse(new TextDecoder().decode(bytes.value)));
  return parsed.success
    ? { outcome: 'keys', keys: parsed.data, etag: response.headers.get('etag') }
    : { outcome: 'failed', message: 'the upstream answered with something else than keys' };
}
