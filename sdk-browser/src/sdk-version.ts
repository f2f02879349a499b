/** What reports say of this SDK: the name and version of its package. */
export const SDK = { name: '@dimmer/browser', version: '0.1.0' } as const;
