import { digestOfAll } from '@dimmer/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry, Happened } from './history-file.ts';
import { type Model, modelOf, type RevisionRecord } from './model.ts';
import { replayStreams } from './replay-streams.ts';
import { CLIENT_VALIDATORS } from './validate-clients.ts';
import { STREAM_VALIDATORS } from './validate-streams.ts';

const KEYS = ['a', 'b', 'c'];

/** Histories of changes to three flags, each removing or setting at least one. */
const records: fc.Arbitrary<readonly RevisionRecord[]> = fc
  .array(
    fc.uniqueArray(fc.record({ key: fc.constantFrom(...KEYS), gone: fc.boolean() }), {
      selector: ({ key }) => key,
      minLength: 1,
    }),
    {
      minLength: 2,
      maxLength: 12,
    },
  )
  .map((changes) =>
    changes.map((objects, index) => ({
      revision: index + 1,
      objects: objects.map(({ key, gone }) => ({
        kind: 'flag',
        key,
        after: gone ? null : { rules: [{ id: `m${index + 1}` }] },
      })),
    })),
  );

/** What a faultless server sends to one reader that is cut, and slow, at random. */
const correctRun = fc
  .tuple(
    records,
    fc.array(fc.record({ skip: fc.integer({ min: 1, max: 3 }), cut: fc.boolean() }), {
      minLength: 30,
      maxLength: 30,
    }),
  )
  .map(([history, moves]) => ({ history, entries: correctEntries(history, moves) }));

describe('the validators of streams', () => {
  test('[H3] a history without faults has no violations', () => {
    fc.assert(
      fc.property(correctRun, ({ history, entries }) => {
        expect(violationsOf(entries, modelOf(history))).toEqual([]);
      }),
    );
  });

  test('[H4] a commit that is left out is found', () => {
    fc.assert(
      fc.property(correctRun, fc.nat(), ({ history, entries }, nth) => {
        const commits = entries.filter((entry) => entry.op === 'frame' && entry.args.event === 'commit');
        const lost = commits[nth % commits.length];
        const found = violationsOf(
          entries.filter((entry) => entry !== lost),
          modelOf(history),
        );
        expect(found.length).toBeGreaterThan(0);
      }),
    );
  });

  test('[H4] an object that is left out is found', () => {
    fc.assert(
      fc.property(correctRun, fc.nat(), ({ history, entries }, nth) => {
        const model = modelOf(history);
        const objects = entries.filter(
          (entry) => entry.op === 'frame' && /^(put|delete)$/.test(entry.args.event),
        );
        fc.pre(objects.length > 0);
        const lost = objects[nth % objects.length];
        expect(
          violationsOf(
            entries.filter((entry) => entry !== lost),
            model,
          ),
        ).toContain('atomic');
      }),
    );
  });

  test('[H4] a commit that comes twice is found', () => {
    const { history, entries } = example();
    const twice = entries.flatMap((entry) => (isCommit(entry, 2) ? [entry, entry] : [entry]));
    expect(violationsOf(twice, modelOf(history))).toEqual(expect.arrayContaining(['ordered', 'unique']));
  });

  test('[H4] a heartbeat ahead of what was sent is found', () => {
    const { history, entries } = example();
    const early = frame(1, 'heartbeat', { revision: 3, digest: modelOf(history).digestAt(3) });
    const at = entries.findIndex((entry) => isCommit(entry, 2));
    expect(violationsOf(entries.toSpliced(at, 0, early), modelOf(history))).toContain('bookmarkable');
  });

  test('[H4] a stream that says it is current, and is not, is found', () => {
    const { history, entries } = example();
    const epoch = 'e';
    const again = [
      at('raw', { op: 'open', args: { stream: 2, since: 'e:2' }, result: null }),
      frame(2, 'hello', { epoch, revision: 3, mode: 'none' }),
    ];
    const cut = entries.slice(0, entries.findIndex((entry) => isCommit(entry, 2)) + 1);
    expect(violationsOf([...cut, ...again], modelOf(history))).toEqual(
      expect.arrayContaining(['resumable', 'reliable']),
    );
  });
});

describe('the validators of writers and SDKs', () => {
  const history: readonly RevisionRecord[] = [1, 2, 3].map((revision) => ({
    revision,
    objects: ['pair-a', 'pair-b'].map((key) => ({
      kind: 'flag',
      key,
      after: { rules: [{ id: `m${revision}` }] },
    })),
  }));
  const reading = (flag: string, revision: number, marker = `m${revision}`, served = true) => ({
    flag,
    revision,
    marker,
    served,
  });
  const read = (...result: readonly ReturnType<typeof reading>[]): Entry =>
    at('sdk', { op: 'read', args: null, result });
  const buckets = (revision: number, users: readonly number[]): Entry =>
    at('sdk', { op: 'buckets', args: { flag: 'ramp' }, result: { revision, users } });
  const status = (revision: number): Entry =>
    at('sdk', { op: 'status', args: null, result: { state: 'LIVE', epoch: 'e', revision } });
  const ramp = [10, 20].map((percent, index) => ({
    revision: index + 1,
    objects: [{ kind: 'flag', key: 'ramp', after: { rules: [{ id: `p${percent}` }] } }],
  }));

  const cases: readonly [string, readonly Entry[], readonly RevisionRecord[]][] = [
    ['gapless', [], history.filter(({ revision }) => revision !== 2)],
    [
      'durable',
      [at('writer', { op: 'write', args: { marker: 'x', flags: ['pair-a'] }, result: { revision: 2 } })],
      history,
    ],
    [
      'durable',
      [at('writer', { op: 'write', args: { marker: 'x', flags: [] }, result: { revision: 4 } })],
      history,
    ],
    ['monotonicReads', [read(reading('pair-a', 2)), read(reading('pair-a', 1))], history],
    ['monotonicReads', [status(3), status(2)], history],
    ['committedReads', [read(reading('pair-a', 2, 'm9'))], history],
    ['wholeChangeSets', [read(reading('pair-a', 2), reading('pair-b', 1))], history],
    [
      'readYourWrite',
      [
        at('sdk', {
          op: 'wait',
          args: { revision: 2 },
          result: { reached: true, readings: [reading('pair-a', 1)] },
        }),
      ],
      history,
    ],
    ['nestedBuckets', [buckets(1, [1, 2]), buckets(2, [2, 3, 4])], ramp],
    ['oneBadFlag', [read(reading('pair-a', 2, 'm2', false))], history],
    ['converged', [status(2)], history],
  ];

  test.each(cases)('[H4] %s finds what it is for', (name, entries, recorded) => {
    expect(CLIENT_VALIDATORS[name]?.(entries, modelOf(recorded))).not.toEqual([]);
  });

  test('[H3] they say nothing about a run without faults', () => {
    const fine = [
      read(reading('pair-a', 1), reading('pair-b', 1)),
      read(reading('pair-a', 3), reading('pair-b', 3)),
      status(3),
    ];
    for (const validate of Object.values(CLIENT_VALIDATORS))
      expect(validate(fine, modelOf(history))).toEqual([]);
  });
});

test('the digest of the model is that of the wire', () => {
  const model = modelOf(example().history);
  expect(model.digestAt(1)).toBe(digestOfAll([{ kind: 'flag', key: 'a', version: 1 }]));
});

function violationsOf(entries: readonly Entry[], model: Model): readonly string[] {
  const streams = replayStreams(entries);
  const found = Object.entries(STREAM_VALIDATORS).filter(
    ([, validate]) => validate(streams, model).length > 0,
  );
  return found.map(([name]) => name);
}

function example(): { readonly history: readonly RevisionRecord[]; readonly entries: readonly Entry[] } {
  const after = { rules: [] };
  const history = [1, 2, 3].map((revision) => ({ revision, objects: [{ kind: 'flag', key: 'a', after }] }));
  return {
    history,
    entries: correctEntries(
      history,
      [1, 2, 3].map(() => ({ skip: 1, cut: false })),
    ),
  };
}

interface Move {
  /** How many revisions the next commit brings. */
  readonly skip: number;
  readonly cut: boolean;
}

function correctEntries(history: readonly RevisionRecord[], moves: readonly Move[]): readonly Entry[] {
  const model = modelOf(history);
  const entries: Entry[] = [];
  const say = (entry: Entry): void => void entries.push(entry);
  let stream = 0;
  let position = 0;
  const open = (): void => {
    stream += 1;
    const since = stream === 1 ? null : `e:${position}`;
    say(at('raw', { op: 'open', args: { stream, since }, result: null }));
    const revision = stream === 1 ? 0 : position;
    say(frame(stream, 'hello', { epoch: 'e', revision, mode: stream === 1 ? 'full' : 'none' }));
  };
  open();
  for (const { skip, cut } of moves) {
    if (position === model.last) break;
    const next = Math.min(model.last, position + skip);
    for (const [name, version] of changesBetween(model, position, next)) {
      const key = name.slice('flag/'.length);
      say(
        frame(stream, version === undefined ? 'delete' : 'put', {
          kind: 'flag',
          key,
          version: version ?? next,
        }),
      );
    }
    position = next;
    const digest = model.digestAt(position);
    say(frame(stream, 'commit', { revision: position, digest }));
    say(frame(stream, 'heartbeat', { revision: position, digest }));
    if (cut) open();
  }
  return entries;
}

function changesBetween(
  model: Model,
  from: number,
  to: number,
): readonly (readonly [string, number | undefined])[] {
  const [before, after] = [model.at(from) ?? new Map(), model.at(to) ?? new Map()];
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => [name, after.get(name)] as const);
}

function isCommit(entry: Entry, revision: number): boolean {
  if (entry.op !== 'frame' || entry.args.event !== 'commit') return false;
  return (entry.result as { readonly revision: number }).revision === revision;
}

function frame(stream: number, event: string, result: unknown): Entry {
  return at('raw', { op: 'frame', args: { stream, event }, result });
}

function at(client: string, happened: Happened): Entry {
  return { time: 0, client, ...happened };
}
