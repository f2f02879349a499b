/** A longer path is cut: the names in it come from the caller, and a megabyte of one is not echoed. */
const PATH_CHARACTERS_MAX = 1_000;

/**
 * Writes a path as JSONPath; one of more than 1,000 characters ends with `…`.
 *
 * @param root - What the path starts from: `$` for a body, `query` or `path` for the parts of a URL.
 * @example jsonPathOf(['rules', 0, 'in valid']) // "$.rules[0]['in valid']"
 */
export function jsonPathOf(path: readonly PropertyKey[], root = '$'): string {
  const text = path.reduce<string>((steps, step) => steps + stepOf(step), root);
  return text.length > PATH_CHARACTERS_MAX ? `${text.slice(0, PATH_CHARACTERS_MAX)}…` : text;
}

function stepOf(step: PropertyKey): string {
  if (typeof step === 'number') return `[${step}]`;
  const name = String(step);
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? `.${name}` : `['${name.replaceAll("'", "\\'")}']`;
}
