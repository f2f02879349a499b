import { createFlagHooks } from '@dimmer/browser/react';

/** The flags of the shop, and what they may be. */
export interface ShopFlags {
  readonly 'checkout-v2': boolean;
  readonly theme: 'light' | 'dark';
}

export const { DimmerProvider, useFlag, useStatus } = createFlagHooks<ShopFlags>();
