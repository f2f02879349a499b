/**
 * Sends the traces of a Dimmer server to an OpenTelemetry collector, over OTLP and HTTP. Loaded before the server:
 *
 *   npm install            (in this folder, once)
 *   node --import ./deploy/opentelemetry/instrument.mjs server/bin/dimmer.js serve
 *
 * It is set by the variables that OpenTelemetry defines: OTEL_EXPORTER_OTLP_ENDPOINT (http://localhost:4318),
 * OTEL_SERVICE_NAME (dimmer), OTEL_TRACES_SAMPLER (parentbased_always_on) and OTEL_TRACES_SAMPLER_ARG.
 */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const serviceName = process.env.OTEL_SERVICE_NAME ?? 'dimmer';
const provider = new NodeTracerProvider({
  resource: defaultResource().merge(resourceFromAttributes({ 'service.name': serviceName })),
  // A server that ends waits for streams, not for traces: what is older than a second has left by then.
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(), { scheduledDelayMillis: 1_000 })],
});
// The W3C trace context, and the one context that follows a request through everything that it waits for.
provider.register();
