import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import type { Provider } from '@openfeature/web-sdk';
import { OpenFeature } from '@openfeature/web-sdk';

declare global {
  /** What the test calls in the page. */
  var flags: {
    start(baseUrl: string, key: string, plan: string): Promise<void>;
    setPlan(plan: string): Promise<void>;
    value(key: string): boolean;
  };
}

globalThis.flags = {
  start: async (baseUrl, key, plan) => {
    await OpenFeature.setContext({ targetingKey: 'user-1', plan });
    const provider = new OFREPWebProvider({ baseUrl, headers: [['Authorization', `Bearer ${key}`]] });
    await OpenFeature.setProviderAndWait(provider as Provider);
  },
  setPlan: (plan) => OpenFeature.setContext({ targetingKey: 'user-1', plan }),
  value: (key) => OpenFeature.getClient().getBooleanValue(key, false),
};
