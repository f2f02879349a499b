/** Something that waits to be handed on. */
export type Forwarded =
  | {
      readonly kind: 'report';
      /** The report as it came. */
      readonly json: string;
      /** The relay that the instance speaks to. */
      readonly via: string;
      /** When the instance told it, in milliseconds since the Unix epoch. */
      readonly toldAt: number;
    }
  /** A `ForwardedClientBatch`. */
  | { readonly kind: 'client'; readonly json: string }
  /** Ids of instances, as members of a list. */
  | { readonly kind: 'connected'; readonly json: string };

/**
 * The JSON of a `ReportBundle`. It is joined from what is JSON already: a report becomes text once, when it comes, and
 * with that its size is known.
 *
 * @param now - Milliseconds since the Unix epoch.
 */
export function bundleOf(id: string, entries: readonly Forwarded[], now: number): string {
  const lists = { report: [] as string[], client: [] as string[], connected: [] as string[] };
  for (const entry of entries) lists[entry.kind].push(jsonOf(entry, now));
  const { report, client, connected } = lists;
  return `{"id":${JSON.stringify(id)},"reports":[${report}],"clients":[${client}],"connected":[${connected}]}`;
}

function jsonOf(entry: Forwarded, now: number): string {
  if (entry.kind !== 'report') return entry.json;
  const heldMs = Math.max(0, now - entry.toldAt);
  return `{"via":${JSON.stringify(entry.via)},"heldMs":${heldMs},"report":${entry.json}}`;
}
