export { DimmerProvider } from './dimmer-provider.ts';
