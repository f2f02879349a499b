export { Dimmer } from './dimmer.ts';
