import type { EnvironmentRef } from '../environments/environment.ts';
import type { HttpEnv } from '../http/http-env.ts';

/** What the routes of SDKs need of a request. */
export interface DeliveryEnv extends HttpEnv {
  readonly Variables: HttpEnv['Variables'] & {
    /** The environment that the key opens. */
    environment: EnvironmentRef;
    /** The key's id. */
    keyId: string;
  };
}
