import type { Dimmer } from '@dimmer/node';
import { Hono } from 'hono';

/** The flag that the new checkout ships dark behind. */
export const CHECKOUT_FLAG = 'checkout-v2';

/** What a customer is shown. */
export interface Checkout {
  readonly user: string;
  readonly checkout: 'classic' | 'one-page';
  readonly steps: readonly string[];
}

/**
 * The shop. Both checkouts live side by side; the flag decides per customer, in memory, on every request.
 *
 * @param flags - The Dimmer client of this process.
 */
export function createShop(flags: Dimmer): Hono {
  const shop = new Hono();

  shop.get('/checkout/:user', (c) => {
    const user = c.req.param('user');
    const onePage = flags.boolean(CHECKOUT_FLAG, { targetingKey: user, country: countryOf(user) }, false);
    return c.json(onePage ? onePageCheckout(user) : classicCheckout(user));
  });

  shop.get('/status', (c) => c.json(flags.status()));
  return shop;
}

function classicCheckout(user: string): Checkout {
  return { user, checkout: 'classic', steps: ['cart', 'address', 'delivery', 'payment', 'confirm'] };
}

function onePageCheckout(user: string): Checkout {
  return { user, checkout: 'one-page', steps: ['everything on one page'] };
}

function countryOf(user: string): string {
  return user.endsWith('7') ? 'NO' : 'SE';
}
