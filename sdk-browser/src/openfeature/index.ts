export type { DimmerProviderOptions } from './dimmer-provider.ts';
export { DimmerProvider } from './dimmer-provider.ts';
