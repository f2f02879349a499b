import type { Attributes, Context, Span, TextMapGetter } from '@opentelemetry/api';
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';

/** What a span of a request tells once the request is answered. */
export interface Answered {
  readonly method: string;
  /** The pattern, never the path: that may hold what is nobody's business. */
  readonly route: string;
  readonly status: number;
}

/** Reads a header of a request by its name in lower case. */
export type HeaderOf = (name: string) => string | undefined;

/**
 * Traces, where somebody has loaded an OpenTelemetry SDK before the server (docs/monitoring.md); without one nothing of
 * this costs anything. Attributes hold keys of projects and environments and counts; no contexts, no secrets, no paths.
 */
export interface Tracing {
  /** Whether anybody listens. */
  readonly isOn: boolean;
  /**
   * Runs in a span of the trace that is under way. Where there is none, or it is not sampled, it only runs: work that
   * nobody asked for begins no trace of its own.
   *
   * @example tracing.within('storage read', {}, () => storage.read('shop'))
   */
  within<Answer>(name: string, attributes: Attributes, run: () => Answer): Answer;
  /** Answers a request in a span, in the trace that its `traceparent` names, or in a new one. */
  request(headerOf: HeaderOf, answer: () => Promise<Answered>): Promise<void>;
  /** Whether somebody wants to see this very request traced: its `traceparent` is sampled. */
  isSampled(traceparent: string | undefined): boolean;
}

/** How spans name an environment. */
export function placeOf(ref: { readonly project: string; readonly environment: string }): Attributes {
  return { 'dimmer.project': ref.project, 'dimmer.environment': ref.environment };
}

/** Nobody listens. */
export const NO_TRACING: Tracing = {
  isOn: false,
  within: (_name, _attributes, run) => run(),
  request: async (_headerOf, answer) => {
    await answer();
  },
  isSampled: () => false,
};

/**
 * Traces through what is registered with OpenTelemetry's API in this process, as it is now.
 *
 * @param version - Of the server.
 */
export function createTracing(version: string): Tracing {
  // Without an SDK there is no propagator either, and that is the only thing which the API tells of it.
  if (propagation.fields().length === 0) return NO_TRACING;
  const tracer = trace.getTracer('dimmer', version);
  return {
    isOn: true,
    within: (name, attributes, run) => {
      if (!isRecorded(trace.getActiveSpan())) return run();
      const span = tracer.startSpan(name, { attributes });
      return runIn(trace.setSpan(context.active(), span), span, run);
    },
    request: async (headerOf, answer) => {
      const caller = propagation.extract(ROOT_CONTEXT, headerOf, HEADERS);
      const span = tracer.startSpan('request', { kind: SpanKind.SERVER }, caller);
      await context.with(trace.setSpan(caller, span), async () => tell(span, await answer()));
      span.end();
    },
    isSampled: (traceparent) => traceparent !== undefined && SAMPLED.test(traceparent),
  };
}

/** Version 00 of https://www.w3.org/TR/trace-context/, with the last bit of the flags set. */
const SAMPLED = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][13579bdf]$/;

const HEADERS: TextMapGetter<HeaderOf> = {
  get: (headerOf, name) => headerOf(name.toLowerCase()),
  keys: () => [],
};

/** An ended span counts too: what a commit sets off goes on after its answer. */
function isRecorded(span: Span | undefined): boolean {
  return span !== undefined && (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
}

function runIn<Answer>(within: Context, span: Span, run: () => Answer): Answer {
  const fail = (cause: unknown): void => {
    // Its name, not its message: that may quote what was sent.
    span.setAttribute('error.type', cause instanceof Error ? cause.name : 'unknown');
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
  try {
    const answer = context.with(within, run);
    if (answer instanceof Promise) answer.then(() => span.end(), fail);
    else span.end();
    return answer;
  } catch (cause) {
    fail(cause);
    throw cause;
  }
}

function tell(span: Span, { method, route, status }: Answered): void {
  span.updateName(`${method} ${route}`);
  span.setAttributes({
    'http.request.method': method,
    'http.route': route,
    'http.response.status_code': status,
  });
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
}
