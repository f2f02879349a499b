import type { Checkout } from './shop.ts';

/** How many requests are under way at once. */
const PARALLEL = 32;

/** Sends every customer to the checkout once; answers with those who were shown the new one. */
export async function visitAll(shop: string, users: readonly string[]): Promise<ReadonlySet<string>> {
  const onePage = new Set<string>();
  const queue = users.values();
  async function visitNext(): Promise<void> {
    for (const user of queue) {
      if ((await visit(shop, user)).checkout === 'one-page') onePage.add(user);
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, visitNext));
  return onePage;
}

/**
 * Keeps customers coming until one of them, and then a whole round of them, gets the classic checkout.
 *
 * @returns Milliseconds (performance clock) at which the last new checkout was answered.
 */
export async function visitUntilClassic(shop: string, users: readonly string[]): Promise<number> {
  let lastOnePageAt = performance.now();
  for (let classicInARow = 0; classicInARow < users.length; ) {
    for (const user of users) {
      const { checkout } = await visit(shop, user);
      if (checkout === 'one-page') {
        lastOnePageAt = performance.now();
        classicInARow = 0;
      } else {
        classicInARow += 1;
      }
    }
  }
  return lastOnePageAt;
}

/** Waits until the shop has applied a revision; answers with the milliseconds that it took to notice. */
export async function shopReaches(shop: string, revision: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    const status = (await (await fetch(`${shop}/status`)).json()) as { readonly revision: number };
    if (status.revision >= revision) return performance.now() - start;
  }
}

async function visit(shop: string, user: string): Promise<Checkout> {
  const response = await fetch(`${shop}/checkout/${user}`);
  return (await response.json()) as Checkout;
}
