/** The pace of reports. All in milliseconds. */
export interface ReportTiming {
  /** Between two looks at whether there is something to tell, give or take a fifth. */
  readonly everyMs: number;
  /** The longest silence of an instance that has nothing to tell. */
  readonly idleMs: number;
  /** A report after a reconnection is spread over this time. */
  readonly liveSpreadMs: number;
  /** A report of a kill is spread over this time. */
  readonly killSpreadMs: number;
  /** The longest wait after failures in a row. */
  readonly retryMaxMs: number;
  /** The longest that one attempt takes. */
  readonly timeoutMs: number;
  /** The longest that the last report holds up `close`. */
  readonly farewellMs: number;
}

export const DEFAULT_REPORT_TIMING: ReportTiming = {
  everyMs: 10_000,
  idleMs: 30_000,
  liveSpreadMs: 1_000,
  killSpreadMs: 500,
  retryMaxMs: 300_000,
  timeoutMs: 10_000,
  farewellMs: 1_000,
};
