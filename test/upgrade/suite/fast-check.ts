import fc from 'fast-check';

/** A fifth of the runs: each commit had all of them on its own tables. */
const SHARE = 1 / 5;

/** What the commit's files import, with fewer runs of each property. */
const fewerRuns: typeof fc = {
  ...fc,
  assert: ((property: fc.IProperty<unknown>, parameters?: fc.Parameters<unknown>) =>
    fc.assert(property, {
      ...parameters,
      numRuns: Math.ceil((parameters?.numRuns ?? 100) * SHARE),
    })) as typeof fc.assert,
};

export default fewerRuns;
