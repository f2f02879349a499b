import type { DependencyOrder } from './dependency-order.ts';
import { dependencyOrder, endlessChain } from './dependency-order.ts';
import type { Links } from './links.ts';
import { linksHold, linksTo } from './links.ts';

/** Where an object stands among those that it references. */
export interface Place {
  /** Objects from it to the end of its longest chain of references; infinite where there is no end. */
  readonly depth: number;
  /** What it references, as compiled; `null` where the chain is at fault: its defect may be another next time. */
  readonly links: Links | null;
  /** What is wrong with the chain: it never ends, or is too long. */
  readonly chainFault?: string;
}

/** What is compiled together: all flags or all segments of a snapshot. */
export interface Compilation<Definition, Compiled> {
  readonly definitions: ReadonlyMap<string, Definition>;
  /** Keys that a definition references among the definitions, each once. */
  readonly referencesOf: (definition: Definition) => readonly string[];
  /** The longest chain that is followed. */
  readonly depthMax: number;
  /** What was compiled before from the same definition and may be taken over while its links hold. */
  readonly previousOf: (key: string, definition: Definition) => Compiled | undefined;
  readonly compile: (definition: Definition, place: Place, others: ReadonlyMap<string, Compiled>) => Compiled;
}

/**
 * Compiles every definition after those that it references, or takes over what was compiled before.
 *
 * @returns Everything compiled, in the order of the definitions.
 */
export function compileInOrder<Definition, Compiled extends { readonly links: Links | null }>(
  compilation: Compilation<Definition, Compiled>,
): ReadonlyMap<string, Compiled> {
  const { definitions, referencesOf, depthMax, previousOf, compile } = compilation;
  const references = new Map<string, readonly string[]>();
  for (const [key, definition] of definitions) references.set(key, referencesOf(definition));
  const order = dependencyOrder(references);
  const done = new Map<string, Compiled>();
  for (const key of [...order.ordered, ...order.endless]) {
    const definition = definitions.get(key);
    if (definition === undefined) continue;
    const chainFault = chainFaultOf(key, references, order, depthMax);
    const last = chainFault === undefined ? previousOf(key, definition) : undefined;
    if (last?.links != null && linksHold(last.links, done)) {
      done.set(key, last);
      continue;
    }
    const depth = order.depths.get(key) ?? Number.POSITIVE_INFINITY;
    const place =
      chainFault === undefined
        ? { depth, links: linksTo(references.get(key) ?? [], done) }
        : { depth, links: null, chainFault };
    done.set(key, compile(definition, place, done));
  }
  return inOrderOf(definitions, done);
}

function inOrderOf<Compiled>(
  definitions: ReadonlyMap<string, unknown>,
  done: ReadonlyMap<string, Compiled>,
): ReadonlyMap<string, Compiled> {
  const ordered = new Map<string, Compiled>();
  for (const key of definitions.keys()) {
    const compiled = done.get(key);
    if (compiled !== undefined) ordered.set(key, compiled);
  }
  return ordered;
}

function chainFaultOf(
  key: string,
  references: ReadonlyMap<string, readonly string[]>,
  { depths, endless }: DependencyOrder,
  depthMax: number,
): string | undefined {
  if (endless.has(key)) {
    const chain = endlessChain(key, references, endless).slice(0, depthMax).join(' -> ');
    return `the chain never ends: ${chain}; take one link out`;
  }
  const depth = depths.get(key) ?? 1;
  if (depth <= depthMax) return undefined;
  return `the chain is ${depth} long, ${depthMax} is the most; shorten it`;
}
