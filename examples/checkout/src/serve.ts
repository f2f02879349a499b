import { Dimmer } from '@dimmer/node';
import { serve } from '@hono/node-server';
import { createShop } from './shop.ts';

const url = process.env['DIMMER_URL'] ?? 'http://127.0.0.1:4400';
const key = process.env['DIMMER_KEY'];
if (key === undefined) {
  console.error('DIMMER_KEY is missing: give the server key (dim_srv_...) that `npm start` printed.');
  process.exit(2);
}

const flags = new Dimmer({ url, key, application: { name: 'checkout-shop' } });
await flags.ready({ timeoutMs: 5000 });

const server = serve(
  { fetch: createShop(flags).fetch, port: Number(process.env['PORT'] ?? 3000) },
  (address) => {
    console.log(`shop: http://127.0.0.1:${address.port}/checkout/user-1`);
  },
);

process.once('SIGTERM', () => {
  server.close();
  void flags.close();
});
