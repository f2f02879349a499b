import { Dimmer } from '@dimmer/node';
import { DimmerProvider } from '@dimmer/node/openfeature';
import { fakeDimmer } from '@dimmer/node/testing';
import { OpenFeature } from '@openfeature/server-sdk';
import { exercise } from './exercise.cjs';

await exercise({ Dimmer, fakeDimmer, DimmerProvider, OpenFeature });
