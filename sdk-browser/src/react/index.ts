'use client';

export type { AnyClient, DimmerProviderProps } from './dimmer-provider.ts';
export { DimmerProvider } from './dimmer-provider.ts';
export type { Answered, FlagHooks } from './hooks.ts';
export { createFlagHooks, useDimmer, useFlag, useFlagDetail, useStatus } from './hooks.ts';
