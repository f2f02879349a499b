export type { FakeDimmer, FakeValues } from './fake-dimmer.ts';
export { fakeDimmer } from './fake-dimmer.ts';
