import type { DimmerOptions } from '@dimmer/browser';
import type { ReactNode } from 'react';
import { StrictMode } from 'react';
import { DimmerProvider, useFlag, useStatus } from './flags.ts';

/** The whole page, the same on the server and in the browser. */
export function Shop({ options }: { readonly options: DimmerOptions }): ReactNode {
  return (
    <StrictMode>
      <DimmerProvider options={options}>
        <Checkout />
        <Connection />
      </DimmerProvider>
    </StrictMode>
  );
}

function Checkout(): ReactNode {
  const isOnePage = useFlag('checkout-v2', false);
  const theme = useFlag('theme', 'light');
  const colors =
    theme === 'dark' ? { background: '#222', color: '#eee' } : { background: '#eee', color: '#222' };
  return (
    <main style={{ ...colors, padding: '2rem', fontFamily: 'sans-serif' }}>
      <h1 id="checkout">{isOnePage ? 'Everything on one page' : 'Step 1 of 5: your cart'}</h1>
    </main>
  );
}

function Connection(): ReactNode {
  return <footer id="state">{useStatus().state}</footer>;
}
