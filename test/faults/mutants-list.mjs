/**
 * Mistakes that were made in systems of this kind, as patches. `caughtBy` names the scenario, or the file of
 * tests, that must fail. A scenario runs the built server, so patches for it go to `dist`; the SDK and all
 * tests run from their sources.
 */
export const MUTANTS = [
  {
    name: 'snapshot before subscribe',
    patches: [
      {
        file: 'server/dist/delivery/stream-set.js',
        find: 'this.#subscribers.set(subscriber, signedBy === undefined ? { keyId } : { keyId, signedBy });',
        replace:
          'setTimeout(() => { subscriber.subscribedAt(source.revision); this.#subscribers.set(subscriber, { keyId }); }, 100);',
      },
      {
        file: 'server/dist/delivery/subscriber.js',
        find: '    /** Brings the reader to the newest revision',
        replace:
          '    subscribedAt(revision) { this.#revision = revision; }\n    /** Brings the reader to the newest revision',
      },
    ],
    caughtBy: { scenario: 'reset-storm' },
  },
  {
    name: 'process-local event ids',
    patches: [
      {
        file: 'server/dist/delivery/frames.js',
        find: 'formatCursor(copy));',
        replace:
          'formatCursor({ epoch: copy.epoch, revision: (globalThis.dimmerId = (globalThis.dimmerId ?? 0) + 1) }));',
      },
    ],
    caughtBy: { scenario: 'terminate' },
  },
  {
    name: 'frames applied one by one',
    patches: [
      {
        file: 'follower/src/receive.ts',
        find: '      turn.staged = stage(turn.staged, message, size);',
        replace: `      turn.staged = stage(turn.staged, message, size);
      if (turn.snapshot !== null && !turn.isFull) {
        turn.snapshot = { ...turn.snapshot, ...withStaged<Item>(turn.snapshot, [message], NOTHING.objects) };
      }`,
      },
    ],
    caughtBy: { scenario: 'split' },
  },
  {
    name: 'comment heartbeats only',
    patches: [
      {
        file: 'server/dist/delivery/frames.js',
        find: "return frame('heartbeat', { revision, digest, databaseAgeMs });",
        replace: "return Buffer.from(': heartbeat\\n\\n');",
      },
    ],
    caughtBy: { scenario: 'terminate' },
  },
  {
    name: 'no watchdog',
    patches: [
      {
        file: 'follower/src/timing.ts',
        find: 'silentHeartbeats: 3,',
        replace: 'silentHeartbeats: 1_000,',
      },
      {
        file: 'follower/src/timing.ts',
        find: 'silenceMaxMs: 120_000,',
        replace: 'silenceMaxMs: 1_000_000,',
      },
    ],
    caughtBy: { scenario: 'half-open-down' },
  },
  {
    name: 'no status is outlived',
    patches: [
      {
        file: 'follower/src/machine.ts',
        find: 'if (status === 401 || status === 403) {',
        replace: 'if (status !== undefined) {',
      },
      {
        file: 'follower/src/polling.ts',
        find: 'if (status === 401 || status === 403) polling.until = turn.until;',
        replace: 'if (status !== undefined) polling.until = turn.until;',
      },
    ],
    caughtBy: { scenario: 'answers-503' },
  },
  {
    name: 'digest of a commit unchecked',
    patches: [
      {
        file: 'follower/src/receive.ts',
        find: 'else if (contents.digest !== digest)',
        replace: 'else if (false)',
      },
      {
        file: 'follower/src/receive-later.ts',
        find: 'else if (digest !== snapshot.digest)',
        replace: 'else if (false)',
      },
    ],
    caughtBy: { test: 'follower/src/machine.test.ts' },
  },
  {
    name: 'same retry for all',
    patches: [
      { file: 'follower/src/backoff.ts', find: '+ random * retryDelayMaxMs(', replace: '+ retryDelayMaxMs(' },
    ],
    caughtBy: { test: 'follower/src/machine.test.ts' },
  },
  {
    name: 'one moment for all goodbyes',
    patches: [
      {
        file: 'server/src/delivery/stream-set.ts',
        find: 'Math.floor(index * stepMs)',
        replace: 'Math.floor(0 * index * stepMs)',
      },
    ],
    caughtBy: { test: 'server/src/delivery' },
  },
  {
    name: 'NORMAL sync',
    patches: [
      {
        file: 'server/src/storage/sqlite/database.ts',
        find: "client.pragma('synchronous = FULL');",
        replace: "client.pragma('synchronous = NORMAL');",
      },
    ],
    caughtBy: { test: 'server/src/storage/sqlite/sqlite-storage.test.ts' },
  },
  {
    name: 'acknowledged before the commit',
    patches: [
      {
        file: 'server/dist/storage/sqlite/database.js',
        find: 'writeHolder(database, self);',
        replace:
          "writeHolder(database, self); client.exec('begin'); setInterval(() => { if (client.inTransaction) client.exec('commit; begin'); }, 200);",
      },
    ],
    caughtBy: { scenario: 'kill-and-cut' },
  },
  {
    name: 'audit outside the transaction',
    patches: [
      {
        file: 'server/src/storage/sqlite/write-draft.ts',
        find: '  statements.addAuditEntry.run({ ...rows.audit });',
        replace: '  setImmediate(() => statements.addAuditEntry.run({ ...rows.audit }));',
      },
    ],
    caughtBy: { test: 'test/contract/storage.test.ts' },
  },
  {
    name: 'plain writeFile cache',
    patches: [
      {
        file: 'sdk-node/src/disk-cache.ts',
        find: 'await replaceFile(path, text);',
        replace: "await (await import('node:fs/promises')).writeFile(path, text, { mode: 0o600 });",
      },
    ],
    caughtBy: { test: 'sdk-node/src/disk-cache.test.ts' },
  },
  {
    name: 'native RegExp',
    patches: [
      {
        file: 'evaluator/src/condition-value.ts',
        find: 'return RE2JS.compile(source);',
        replace: 'return new RegExp(source) as unknown as RE2JS;',
      },
    ],
    // Not the test of its speed, which would run for as long as the engine explodes.
    caughtBy: { test: 'evaluator/src/ruleset.test.ts' },
  },
  {
    name: 'object as flag map',
    patches: [
      {
        file: 'sdk-node/src/flag-table.ts',
        find: '    const live = new Map<string, LiveFlag>();',
        replace: `    const object: Record<string, LiveFlag> = {};
    const live = {
      get: (key: string) => object[key],
      has: (key: string) => object[key] !== undefined,
      set: (key: string, flag: LiveFlag) => void (object[key] = flag),
      values: () => Object.values(object),
      [Symbol.iterator]: () => Object.entries(object)[Symbol.iterator](),
    } as unknown as Map<string, LiveFlag>;`,
      },
    ],
    caughtBy: { test: 'sdk-node/src/flag-table.test.ts' },
  },
  {
    name: '401 on a database error',
    patches: [
      {
        file: 'server/src/access/authenticate.ts',
        find: '.catch(tellDoubt);',
        replace: '.catch(() => undefined);',
      },
    ],
    caughtBy: { test: 'test/contract/rest-faults.test.ts' },
  },
  {
    name: 'a held kill is let go of before the copy has it',
    patches: [
      {
        file: 'server/src/break-glass/break-glass.ts',
        find: 'if (at !== undefined && !(await this.#shows(held.environment, at))) return false;',
        replace: '',
      },
    ],
    caughtBy: { test: 'test/contract/held-kills-settled' },
  },
  {
    name: 'a held kill comes after people',
    patches: [
      {
        file: 'server/src/break-glass/reconcile.ts',
        find: "if (changes.some((change) => isRestoreAfter(held, change))) return 'restored';",
        replace: '',
      },
    ],
    caughtBy: { test: 'test/contract/held-kills-settled' },
  },
  {
    name: 'a server forgets with a restart what it held',
    patches: [{ file: 'server/src/app.ts', find: 'await file.load();', replace: '' }],
    caughtBy: { test: 'test/contract/held-kills-kept' },
  },
  {
    name: 'what a file has kept is served before people are asked',
    patches: [
      {
        file: 'server/src/app.ts',
        find: 'await breakGlass.reconcile();',
        replace: '',
      },
    ],
    caughtBy: { test: 'test/contract/held-kills-kept' },
  },
  {
    name: 'a relay ends its streams where those of the upstream cross',
    patches: [
      {
        file: 'server/src/relay/environment-history.ts',
        find: 'lineage: goesOn ? history.lineage : line',
        replace: 'lineage: line',
      },
    ],
    caughtBy: { test: 'test/contract/relay-held-kills' },
  },
  {
    name: 'a held kill in the epoch of the database',
    patches: [
      {
        file: 'server/src/delivery/shown-copy.ts',
        find: 'epoch: epoch + copy.epoch',
        replace: 'epoch: copy.epoch',
      },
    ],
    caughtBy: { test: 'server/src/delivery/shown-copy' },
  },
  {
    name: 'a relay loses the kill of what it missed',
    patches: [
      {
        file: 'server/src/relay/environment-history.ts',
        find: 'isKill ||= isKilled(definition) && !isKilled(known);',
        replace: 'void known;',
      },
    ],
    caughtBy: { test: 'server/src/relay/environment-history.test.ts' },
  },
  {
    name: 'a relay refuses in doubt',
    patches: [
      {
        file: 'server/src/relay/key-list.ts',
        find: 'if (!this.isFresh) throw unanswered();',
        replace: '',
      },
      {
        file: 'server/src/relay/key-list.ts',
        find: "if (this.#last === 'failed' || this.#last === 'refused') throw unanswered();",
        replace: '',
      },
    ],
    caughtBy: { test: 'server/src/relay/key-list.test.ts' },
  },
  {
    name: 'no drain timeout',
    patches: [
      {
        file: 'server/src/process/listening.ts',
        find: 'await within(limitMs, schedule, end());',
        replace: 'await end();',
      },
    ],
    caughtBy: { test: 'server/src/process/start-server.test.ts' },
  },
  {
    name: 'poll overwrites',
    patches: [
      {
        file: 'follower/src/polling.ts',
        find: 'if (known !== null && brought.revision < known.revision) {',
        replace: 'if (false) {',
      },
    ],
    caughtBy: { test: 'follower/src/polling.test.ts' },
  },
  {
    name: 'await in the fan-out loop',
    patches: [
      {
        file: 'server/dist/delivery/stream-set.js',
        find: `        for (const subscriber of this.#subscribers.keys())
            subscriber.advance();`,
        replace: `            void (async () => {
                for (const subscriber of [...this.#subscribers.keys()]) {
                    subscriber.advance();
                    await subscriber.taken();
                }
            })();`,
      },
      {
        file: 'server/dist/delivery/subscriber.js',
        find: '    /** Brings the reader to the newest revision',
        replace: `    taken() {
        return this.#blocked ? new Promise((resolve) => this.#response.once('drain', resolve)) : undefined;
    }
    /** Brings the reader to the newest revision`,
      },
    ],
    caughtBy: { scenario: 'slow-readers' },
  },
  {
    name: 'readiness latch',
    patches: [
      {
        file: 'server/src/delivery/delivery.ts',
        find: `  ready(): boolean {
    return this.lacks() === undefined;`,
        replace: `  #wasReady = false;

  ready(): boolean {
    this.#wasReady ||= this.lacks() === undefined;
    return this.#wasReady;`,
      },
    ],
    caughtBy: { test: 'server/src/delivery/delivery.test.ts' },
  },
  {
    name: 'reply outside the transaction',
    patches: [
      {
        file: 'server/src/storage/sqlite/sqlite-storage.ts',
        find: 'if (kept !== undefined) this.#statements.putReply.run({ ...kept });',
        replace: 'if (kept !== undefined) setImmediate(() => this.#statements.putReply.run({ ...kept }));',
      },
    ],
    caughtBy: { test: 'test/faults/failpoints.test.ts' },
  },
  {
    name: 'change row in a second transaction',
    patches: [
      {
        file: 'server/src/storage/sqlite/write-draft.ts',
        find: '  statements.addChange.run({ environment, ...commit.change });',
        replace: '  process.nextTick(() => statements.addChange.run({ environment, ...commit.change }));',
      },
    ],
    caughtBy: { test: 'test/faults/failpoints.test.ts' },
  },
  {
    name: 'bigserial cursor',
    patches: [
      {
        file: 'server/src/storage/postgres/locks.ts',
        find: ' for no key update) as locked',
        replace: ') as locked',
      },
      {
        file: 'server/src/storage/postgres/write-draft.ts',
        find: '      row?.revision === revision,',
        replace: '      row !== undefined,',
      },
      {
        // A sequence that nothing else draws from: its numbers are taken in one order and committed in another.
        file: 'server/src/storage/postgres/write-draft.ts',
        find: '  const written = sendAll(projectStatements(database, rows, stamp));',
        replace: `  const drawn = await database.execute(sql\`select nextval('segments_place_seq')::int as n\`);
  const revision = Number(drawn.rows[0]?.['n']);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
  rows = {
    ...rows,
    commits: rows.commits.map((commit) => ({
      ...commit,
      change: { ...commit.change, revision },
      changedObjects: commit.changedObjects.map((object) => ({ ...object, revision })),
    })),
  };
  const written = sendAll(projectStatements(database, rows, stamp));`,
      },
    ],
    caughtBy: { test: 'test/contract/postgres-feed' },
  },
  {
    name: 'a key in flight is taken for free',
    patches: [
      {
        file: 'server/src/storage/postgres/locks.ts',
        find: 'return isOurs ? stamps : undefined;',
        replace: 'return isOurs ? stamps : stamps;',
      },
    ],
    caughtBy: { test: 'test/contract/postgres-servers' },
  },
  {
    name: 'state in memory without its stamp',
    patches: [
      {
        file: 'server/src/storage/postgres/state-cache.ts',
        find: 'return entry?.stamp === stamp ? entry.value : undefined;',
        replace: 'return entry?.value;',
      },
    ],
    caughtBy: { test: 'test/contract/postgres-servers' },
  },
  {
    name: 'NOTIFY without tick',
    patches: [
      {
        file: 'server/src/storage/postgres/commit-watch.ts',
        find: 'const LOOK_MS = 1_000;',
        replace: 'const LOOK_MS = 1_000_000;',
      },
    ],
    caughtBy: { test: 'test/contract/postgres-servers' },
  },
  {
    name: 'leader without fencing',
    patches: [
      {
        file: 'server/src/storage/postgres/transact.ts',
        find: 'if (lease !== undefined && !(await isCurrent(database, lease))) return rejected(leaseLost(lease));',
        replace: '',
      },
    ],
    caughtBy: { test: 'test/replicas/fencing' },
  },
  {
    name: 'a server that was paused says what it knew',
    patches: [
      {
        file: 'server/src/delivery/followed-environments.ts',
        find: 'if (now - this.#tickedAt <= PAUSED_AFTER_MS) return;',
        replace: 'if (now > 0) return;',
      },
    ],
    caughtBy: { test: 'server/src/delivery/delivery.test.ts' },
  },
  {
    name: 'readiness that only looks at the database',
    patches: [
      {
        file: 'server/src/delivery/readiness.ts',
        find: "if (isStuck) return 'The server cannot follow the database, which answers.';",
        replace: '',
      },
    ],
    caughtBy: { test: 'server/src/delivery/delivery.test.ts' },
  },
  {
    name: 'ready with nothing loaded',
    patches: [
      {
        file: 'server/src/delivery/readiness.ts',
        find: 'if (loading === undefined) return undefined;',
        replace: 'if (loading === undefined || hasAnswer) return undefined;',
      },
    ],
    caughtBy: { test: 'server/src/delivery/preload.test.ts' },
  },
];
