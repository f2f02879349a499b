import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { REPORT_LIMITS } from '@dimmer/schema';
import { ForwardedReportInput, ReportBundleInput, ReportInput } from '@dimmer/schema/rest';
import type { z } from 'zod';
import type { Rejection, Result } from '../changes/result.ts';
import { accepted, mapResult, rejected } from '../changes/result.ts';
import { readBytes, tooLarge } from '../http/json-body.ts';
import { issuesOf } from '../http/validation-issues.ts';
import type { ToldReport } from './told-report.ts';

/** Off the thread that answers requests, and never beyond the limit, however little was sent. */
const unpack = promisify(gunzip);

/** Reads the body of a report, gzip or plain, within its limits. */
export async function readReportBytes({ headers, body }: Request): Promise<Result<Uint8Array>> {
  const encoding = (headers.get('content-encoding') ?? 'identity').toLowerCase();
  if (encoding !== 'gzip' && encoding !== 'identity') {
    return rejected({
      code: 'UNSUPPORTED_MEDIA_TYPE',
      detail: `The Content-Encoding is ${encoding}; reports are read plain or with gzip.`,
      remedy: 'Send `Content-Encoding: gzip`, or none.',
    });
  }
  const maximum = encoding === 'gzip' ? REPORT_LIMITS.wireBytes : REPORT_LIMITS.bodyBytes;
  const bytes = await readBytes(body, maximum);
  if (!bytes.ok) return bytes;
  return encoding === 'gzip' ? unpackWithin(bytes.value) : bytes;
}

async function unpackWithin(bytes: Uint8Array): Promise<Result<Uint8Array>> {
  try {
    return accepted(await unpack(bytes, { maxOutputLength: REPORT_LIMITS.bodyBytes }));
  } catch (cause) {
    return rejected(gzipFault(cause));
  }
}

function gzipFault(cause: unknown): Rejection {
  const isTooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
  if (isTooLarge) return tooLarge(REPORT_LIMITS.bodyBytes + 1, REPORT_LIMITS.bodyBytes);
  return { code: 'INVALID_JSON', detail: 'The body is not gzip, though Content-Encoding says so.' };
}

/**
 * The key that a report carries in its body, where its sender can set no header.
 *
 * @returns `undefined` where there is none.
 */
export function keyInReport(bytes: Uint8Array): string | undefined {
  const value = parse(bytes);
  const hasKey = typeof value === 'object' && value !== null && 'key' in value;
  return hasKey && typeof value.key === 'string' ? value.key : undefined;
}

/** What comes as the body of a report: one, or many in a bundle. */
export type ReportBody =
  | { readonly form: 'one'; readonly told: ToldReport }
  | { readonly form: 'bundle'; readonly bundle: ReportBundleInput };

/** Decodes what instances and relays send. The reports of a bundle are left as they are: see {@link decodeForwarded}. */
export function decodeReportBody(bytes: Uint8Array): Result<ReportBody> {
  const value = parse(bytes);
  const isBundle = typeof value === 'object' && value !== null && 'reports' in value;
  if (!isBundle) {
    return mapResult(decodeValue(value), (report) => ({ form: 'one', told: { report, raw: value } }));
  }
  const parsed = ReportBundleInput.safeParse(value);
  if (parsed.success) return accepted({ form: 'bundle', bundle: parsed.data });
  return unreadable('The bundle of reports cannot be read.', parsed.error, value);
}

/** One report of a bundle; `undefined` where it cannot be read. */
export function decodeForwarded(entry: unknown): ToldReport | undefined {
  const parsed = ForwardedReportInput.safeParse(entry);
  if (!parsed.success) return undefined;
  const { via, heldMs, report } = parsed.data;
  const raw = Reflect.get(Object(entry), 'report');
  return { report, raw, forwarded: { via, heldMs } };
}

/** Decodes a report: the work that grows with its size. */
export function decodeReport(bytes: Uint8Array): Result<ReportInput> {
  return decodeValue(parse(bytes));
}

function decodeValue(value: unknown): Result<ReportInput> {
  if (value === undefined)
    return rejected({ code: 'INVALID_JSON', detail: 'The body is not JSON in UTF-8.' });
  const parsed = ReportInput.safeParse(value);
  if (parsed.success) return accepted(parsed.data);
  return unreadable('The report cannot be read.', parsed.error, value);
}

function unreadable(detail: string, error: z.ZodError, value: unknown): Result<never> {
  return rejected({ code: 'INVALID_REQUEST', detail, issues: issuesOf(error, value, '$') });
}

/** @returns `undefined` for what is not JSON in UTF-8. */
function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
