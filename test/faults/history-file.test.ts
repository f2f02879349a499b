import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHistoryFile, readHistoryFile } from './history-file.ts';
import { complaintsAbout, provesNothing } from './run-scenario.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-history-'));
});

afterEach(() => rm(directory, { recursive: true }));

test('[H5] what clients append is in the file at once, in order, and nothing is once it is closed', () => {
  const history = createHistoryFile(join(directory, 'history.jsonl'));
  history.append('raw-1', { op: 'closed', args: { stream: 1 }, result: null });
  history.append('sdk-1', { op: 'status', args: null, result: { state: 'LIVE', epoch: 'e', revision: 3 } });
  expect(readHistoryFile(history.path)).toMatchObject([
    { client: 'raw-1', op: 'closed', args: { stream: 1 } },
    { client: 'sdk-1', op: 'status', result: { state: 'LIVE', revision: 3 } },
  ]);
  history.close();
  history.append('raw-1', { op: 'closed', args: { stream: 2 }, result: null });
  expect(readHistoryFile(history.path)).toHaveLength(2);
});

test('[H6] a run that interrupted nobody, edited nothing, or slowed nobody, says so', () => {
  const scenario = { interrupts: true, editsFrames: true, merges: true };
  expect(complaintsAbout(scenario, [], { framesEdited: 0, heartbeats: 0, merged: 0 })).toEqual([
    'run: no frame was edited',
    'run: no heartbeat came',
    'run: no reader was slow enough',
    'run: no SDK has left LIVE',
  ]);
  const violations = complaintsAbout(scenario, [], { framesEdited: 0, heartbeats: 0, merged: 0 });
  expect(provesNothing({ violations })).toBe(true);
  expect(provesNothing({ violations: [...violations, 'ordered: 2 came before 1'] })).toBe(false);
  expect(provesNothing({ violations: [] })).toBe(false);
  const result = { state: 'INTERRUPTED', epoch: 'e', revision: 3 };
  const left = { time: 0, client: 'sdk-1', op: 'status', args: null, result } as const;
  expect(complaintsAbout(scenario, [left], { framesEdited: 1, heartbeats: 1, merged: 1 })).toEqual([]);
});
