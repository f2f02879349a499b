import assert from 'node:assert/strict';
import { contextHash, Dimmer } from '@dimmer/browser';
import { DimmerProvider } from '@dimmer/browser/openfeature';
import { OpenFeature, ProviderStatus } from '@openfeature/web-sdk';
import { exercise, OPTIONS } from './exercise.mjs';

assert.equal(contextHash({ targetingKey: 'ada' }).length, 16);
await exercise(Dimmer);

await assert.rejects(OpenFeature.setProviderAndWait(new DimmerProvider(OPTIONS)), /no values yet/);
const client = OpenFeature.getClient();
assert.equal(client.providerStatus, ProviderStatus.ERROR);
assert.equal(client.getBooleanValue('a', true), true);
await OpenFeature.close();
