import type { Actor, ApiKey } from '../access/api-key.ts';
import type { HttpEnv } from '../http/http-env.ts';

/** What a request to the REST API carries once its key is known. */
export interface RestEnv extends HttpEnv {
  readonly Variables: HttpEnv['Variables'] & { key: ApiKey };
}

/** Whom the history names for what is done with a key. */
export function actorOf(key: ApiKey): Actor {
  return { id: key.id, name: key.name };
}
