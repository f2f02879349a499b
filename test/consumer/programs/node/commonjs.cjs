const { Dimmer } = require('@dimmer/node');
const { DimmerProvider } = require('@dimmer/node/openfeature');
const { fakeDimmer } = require('@dimmer/node/testing');
const { OpenFeature } = require('@openfeature/server-sdk');
const { exercise } = require('./exercise.cjs');

exercise({ Dimmer, fakeDimmer, DimmerProvider, OpenFeature });
