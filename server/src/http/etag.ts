/**
 * The entity tag of a version.
 *
 * @example etagOf(7) // '"7"'
 */
export function etagOf(version: number | string): string {
  return `"${version}"`;
}

/**
 * Whether a list of entity tags, as in If-Match, names one. `*` names all.
 *
 * @param comparison - `strong`: weak tags name nothing (If-Match). `weak`: `W/` makes no difference
 *   (If-None-Match). RFC 9110, section 8.8.3.2.
 */
export function namesEtag(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  return list.split(',').some((entry) => {
    const tag = entry.trim();
    return tag === '*' || (comparison === 'weak' ? tag.replace(/^W\//, '') : tag) === etag;
  });
}
