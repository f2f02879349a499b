import type { Tracing } from '../platform/tracing.ts';
import { aroundCalls } from './around-calls.ts';
import type { Storage } from './storage.ts';

/** The storage, with each of its calls a span of the trace that it belongs to. Without traces it is the storage itself. */
export function traced(storage: Storage, tracing: Tracing): Storage {
  if (!tracing.isOn) return storage;
  return aroundCalls(storage, (operation, call) =>
    tracing.within(`storage ${operation}`, { 'db.operation.name': operation }, call),
  );
}
