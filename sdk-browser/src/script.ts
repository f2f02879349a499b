import { Dimmer } from './dimmer.ts';

// What a script tag brings: `new Dimmer(...)`.
Object.assign(globalThis, { Dimmer });
