import { DimmerProvider } from '@dimmer/browser/openfeature';
import { OpenFeatureProvider, useFlag } from '@openfeature/react-sdk';
import { OpenFeature } from '@openfeature/web-sdk';
import { createRoot } from 'react-dom/client';

/** The types of tests know no DOM. */
declare const document: { readonly body: Element };

declare global {
  /** What the test calls in the page. */
  var page: {
    start(url: string, key: string): Promise<void>;
    setPlan(plan: string): Promise<void>;
  };
}

function Flag({ name }: { readonly name: string }) {
  const { value, reason } = useFlag(name, false);
  return <p id={name}>{`${value} ${reason}`}</p>;
}

globalThis.page = {
  start: async (url, key) => {
    await OpenFeature.setContext({ targetingKey: 'user-1', plan: 'free' });
    await OpenFeature.setProviderAndWait(new DimmerProvider({ url, key }));
    createRoot(document.body).render(
      <OpenFeatureProvider>
        <Flag name="a" />
        <Flag name="plan" />
      </OpenFeatureProvider>,
    );
  },
  setPlan: (plan) => OpenFeature.setContext({ targetingKey: 'user-1', plan }),
};
