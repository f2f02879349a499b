/** Bytes of all definitions of an environment, as JSON. On its own, for builds where every byte counts. */
export const SNAPSHOT_BYTES_MAX = 8_388_608;

/**
 * What a write may not exceed. The server enforces these where data is made, and names the current and the
 * maximum figure in the error; SDKs accept twice as much, so a raise never breaks an old one.
 */
export const LIMITS = {
  /** Bytes of a request body. */
  bodyBytes: 1_048_576,
  /** Bytes of a declared state: a full environment fits, with all that SDKs do not get. */
  stateBytes: 33_554_432,
  /** Levels of nesting in a request body. */
  bodyDepth: 64,
  /** Members of one object, and objects of one list, in a request body. */
  bodyNames: 10_000,
  /** Bytes of one flag's definition, as JSON. */
  flagBytes: 65_536,
  /** Bytes of one segment's definition, as JSON. */
  segmentBytes: 1_048_576,
  /** Bytes of all definitions of an environment, as JSON. */
  snapshotBytes: SNAPSHOT_BYTES_MAX,
  /** Flags that are not archived, per environment. */
  flagsPerEnvironment: 5_000,
  /** Segments per environment. */
  segmentsPerEnvironment: 1_000,
  /** Variations per flag. */
  variationsPerFlag: 50,
  /** Rules per configuration. */
  rulesPerFlag: 100,
  /** Values per condition. */
  valuesPerCondition: 1_000,
  /** Nesting of `all`, `any` and `not`. */
  conditionDepth: 10,
  /** Flags from a flag to the end of its longest chain of prerequisites. */
  prerequisiteDepth: 10,
  /** Segments from a segment to the end of its longest chain of references. */
  segmentDepth: 10,
  /** Characters of a regular expression. */
  patternCharacters: 256,
  /** Bytes of a context that is sent to the server, as JSON. */
  contextBytes: 16_384,
  /** Levels of nesting in a context that is sent to the server. */
  contextDepth: 20,
  /** Ranges of a rollout; a plan that would need more is laid out afresh. */
  rangesPerRollout: 1_000,
  /** Environments per project. */
  environmentsPerProject: 50,
  /** Projects per server. */
  projects: 500,
  /** Edits in one change set. */
  editsPerChangeSet: 500,
  /** Tags per flag or segment. */
  tagsPerFlag: 50,
  /** Entries of a flag's metadata. */
  metadataEntries: 50,
  /** Characters of names, reasons and owners. */
  nameCharacters: 200,
  /** Characters of descriptions. */
  descriptionCharacters: 2_000,
} as const;
