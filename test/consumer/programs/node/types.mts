import { Dimmer, type DimmerStatus, type Flags } from '@dimmer/node';
import { DimmerProvider } from '@dimmer/node/openfeature';
import { fakeDimmer } from '@dimmer/node/testing';
import { OpenFeature } from '@openfeature/server-sdk';

/** Holds where the two types are the same, so that an `any` in the declarations cannot pass. */
type Same<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;
const same = <Left, Right>(_: Same<Left, Right>): void => {};

export async function use(flags: Flags): Promise<void> {
  const context = { targetingKey: 'user-1', plan: 'pro', organization: { plan: 'team' } };
  const status = await flags.ready({ timeoutMs: 5000 });
  same<typeof status, DimmerStatus>(true);

  const isOn = flags.boolean('checkout-v2', context, false);
  same<typeof isOn, boolean>(true);
  const { value } = flags.detail('theme', context, 'light');
  same<typeof value, string>(true);
  const layout = flags.json('layout', context, { columns: 2 });
  layout.columns.toFixed();

  // @ts-expect-error A fallback has the type of the flag.
  flags.boolean('checkout-v2', context, 'no');
  flags.onChange('checkout-v2', (definition) => definition?.key.length)();
  flags.onChange((keys) => keys.length)();
  const scope = flags.scope(context);
  scope.signal.throwIfAborted();
  scope.close();
}

const fake = fakeDimmer({ theme: 'dark', limit: 3 });
fake.set('theme', 'light');
// @ts-expect-error A fake knows the types of its flags.
fake.set('limit', 'many');

await use(fake);
await use(new Dimmer({ url: 'http://127.0.0.1:4400', key: process.env['DIMMER_KEY'] }));
await OpenFeature.setProviderAndWait(new DimmerProvider(fake));
