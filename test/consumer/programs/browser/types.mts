import { Dimmer, type DimmerStatus } from '@dimmer/browser';
import { DimmerProvider } from '@dimmer/browser/openfeature';
import { OpenFeature } from '@openfeature/web-sdk';

interface Flags {
  readonly 'checkout-v2': boolean;
  readonly theme: 'light' | 'dark';
}

const [url, key] = ['https://flags.example.com', 'dim_cli_x'];
const flags = new Dimmer<Flags>({ url, key, context: { targetingKey: 'ada', plan: 'pro' } });
export const isOn: boolean = flags.boolean('checkout-v2', false);
export const theme: 'light' | 'dark' = flags.string('theme', 'light');
export const status: Promise<DimmerStatus> = flags.ready({ timeoutMs: 1 });
// @ts-expect-error there is no such flag
flags.boolean('checkout-v3', false);
// @ts-expect-error the context is OpenFeature's
new DimmerProvider({ url, key, context: {} });

await OpenFeature.setProviderAndWait(new DimmerProvider({ url, key, hash: async () => 'hash' }));
