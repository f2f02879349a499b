import { CHECKOUT_FLAG } from './shop.ts';

const PROJECT = '/api/v1/projects/default';

/** The handful of REST calls that a release needs. */
export interface Admin {
  createFlag(): Promise<void>;
  /** Shows the new checkout to a share of the customers; answers with the revision that says so. */
  rollOut(percent: number): Promise<number>;
  kill(reason: string): Promise<number>;
}

/**
 * @param url - Origin of the Dimmer server.
 * @param key - An admin key, `dim_adm_...`.
 */
export function createAdmin(url: string, key: string): Admin {
  const flag = `${PROJECT}/environments/production/flags/${CHECKOUT_FLAG}`;

  async function send(method: string, path: string, body: unknown): Promise<Response> {
    return fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  async function revisionOf(response: Response): Promise<number> {
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    const { revision } = (await response.json()) as { readonly revision: number };
    return revision;
  }

  return {
    async createFlag() {
      const response = await send('POST', `${PROJECT}/flags`, {
        key: CHECKOUT_FLAG,
        name: 'One-page checkout',
      });
      if (!response.ok && response.status !== 409) throw new Error(await response.text());
      await send('POST', `${flag}/restore`, {});
    },
    async rollOut(percent) {
      const weights = { on: percent, off: 100 - percent };
      return revisionOf(await send('PATCH', flag, { enabled: true, fallthrough: { rollout: { weights } } }));
    },
    async kill(reason) {
      return revisionOf(await send('POST', `${flag}/kill`, { reason }));
    },
  };
}
