/**
 * Writes a path as JSONPath.
 *
 * @param root - What the path starts from: `$` for a body, `query` or `path` for the parts of a URL.
 * @example jsonPathOf(['rules', 0, 'in valid']) // "$.rules[0]['in valid']"
 */
export function jsonPathOf(path: readonly PropertyKey[], root = '$'): string {
  return path.reduce<string>((text, step) => text + stepOf(step), root);
}

function stepOf(step: PropertyKey): string {
  if (typeof step === 'number') return `[${step}]`;
  const name = String(step);
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? `.${name}` : `['${name.replaceAll("'", "\\'")}']`;
}
