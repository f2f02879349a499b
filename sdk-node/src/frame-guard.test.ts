import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { frameGuard } from './frame-guard.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const ignore = (): void => undefined;

test('[N50] a frame of exactly the limit passes, one byte more does not', () => {
  const guard = frameGuard({ frameBytesMax: 10, onRetry: ignore });
  guard(bytes('data: 1234\n\n'));
  expect(() => guard(bytes('data: 12345\n\n'))).toThrow('larger than 10 bytes');
});

test.each(['\n', '\r', '\r\n'])('[N50] a blank line (%j) begins a new frame', (end) => {
  const guard = frameGuard({ frameBytesMax: 12, onRetry: ignore });
  for (let i = 0; i < 100; i += 1) guard(bytes(`data: 123${end}${end}`));
  expect(() => guard(bytes('x'.repeat(13)))).toThrow(RangeError);
});

test('[N50] lines without a blank one add up', () => {
  const guard = frameGuard({ frameBytesMax: 100, onRetry: ignore });
  expect(() => {
    for (let i = 0; i < 100; i += 1) guard(bytes(': comment\n'));
  }).toThrow(RangeError);
});

test.each([
  ['retry: 2500\n', [2500]],
  ['retry:2500\r\n', [2500]],
  ['retry: 1\nretry: 2\n\n', [1, 2]],
  ['retry: soon\n', []],
  ['retry: -1\n', []],
  ['data: retry: 5\n', []],
  [`retry: ${'9'.repeat(30)}\n`, []],
  ['retry: 5', []],
])('[N51] %j asks for the delays %j', (text, delays) => {
  const onRetry = vi.fn();
  frameGuard({ frameBytesMax: 1_000, onRetry })(bytes(text));
  expect(onRetry.mock.calls.flat()).toEqual(delays);
});

test('[N50] how a stream is cut into chunks makes no difference', () => {
  const pieces = fc.array(fc.constantFrom('a', 'data: x', '\n', '\r', '\r\n', '\n\n', 'retry: 7', ': hm'));
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(5)), (parts, cuts) => {
      const text = parts.join('');
      expect(outcome(split(text, cuts))).toEqual(outcome([text]));
    }),
  );
});

function outcome(chunks: readonly string[]): readonly unknown[] {
  const seen: unknown[] = [];
  const guard = frameGuard({ frameBytesMax: 40, onRetry: (delayMs) => seen.push(delayMs) });
  try {
    for (const chunk of chunks) guard(bytes(chunk));
  } catch {
    seen.push('too large');
  }
  return seen;
}

function split(text: string, cuts: readonly number[]): readonly string[] {
  const chunks: string[] = [];
  let rest = text;
  for (const cut of cuts) {
    chunks.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  return [...chunks, rest];
}
