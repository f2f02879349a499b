/** Why a definition cannot be evaluated as it stands. */
export interface Defect {
  /**
   * `UNSUPPORTED`: it uses something that this build does not know, a later one may.
   * `INVALID_DEFINITION`: it contradicts itself, or needs an object that is absent.
   */
  readonly code: 'UNSUPPORTED' | 'INVALID_DEFINITION';
  /** JSONPath of the place in the definition: `$.rules[2].when.all[0].op`. */
  readonly path: string;
  /** The place, the rule that is broken and the remedy, for a person. */
  readonly detail: string;
}

/** Takes the defects that compiling meets; only the first of a definition is kept. */
export interface DefectLog {
  readonly unsupported: (path: string, message: string) => void;
  readonly invalid: (path: string, message: string) => void;
  readonly first: () => Defect | undefined;
  /** A defect of a segment that is used at `path`: the user inherits its code. */
  readonly inherit: (path: string, segment: string, defect: Defect) => void;
}

/** @example const log = createDefectLog(); log.invalid('$.offVariation', 'is not a variation'); */
export function createDefectLog(): DefectLog {
  let first: Defect | undefined;
  const keep = (code: Defect['code'], path: string, message: string): void => {
    first ??= Object.freeze({ code, path, detail: `${path}: ${message}` });
  };
  return {
    unsupported: (path, message) => keep('UNSUPPORTED', path, message),
    invalid: (path, message) => keep('INVALID_DEFINITION', path, message),
    inherit: (path, segment, { code, detail }) =>
      keep(code, path, `segment ${quote(segment)} cannot be used: ${detail}`),
    first: () => first,
  };
}

/** A value of unknown origin for a message, cut to a readable length; of an object only the names of its fields. */
export function quote(value: unknown): string {
  if (typeof value === 'object' && value !== null) return `{ ${cut(Object.keys(value).join(', '))} }`;
  return typeof value === 'string' ? cut(JSON.stringify(value)) : String(value);
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
