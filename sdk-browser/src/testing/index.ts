export type { FakeCalls, FakeDimmer, FakeFlags, FakeValues } from './fake-dimmer.ts';
export { fakeDimmer } from './fake-dimmer.ts';
