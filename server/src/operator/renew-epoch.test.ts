import { expect, test } from 'vitest';
import { EXIT } from './exit-code.ts';
import { renewEpoch } from './renew-epoch.ts';
import { ENVIRONMENT_PATH, problem, runWith } from './session.fixture.ts';

const RENEWAL = `POST ${ENVIRONMENT_PATH}/renew-epoch`;

test('[O19] a new epoch is told with the revision that it begins at, and how to prove that SDKs have it', async () => {
  const answers = { [RENEWAL]: { key: 'production', epoch: 'k3v9', revision: 7 } };
  const { exitCode, out, requests } = await runWith((session) => renewEpoch(session, 'a failover'), {
    answers,
  });
  expect(exitCode).toBe(EXIT.done);
  expect(requests[0]?.body).toEqual({ reason: 'a failover' });
  expect(out).toEqual([
    'default/production goes on in epoch k3v9, at revision 7.',
    'Every SDK takes all of it anew, and serves what the database has.',
    'Who has applied it: dimmer receipt 7 --wait',
  ]);
});

test('[O19] a key that may only look is told so, and nothing is changed', async () => {
  const { exitCode } = await runWith((session) => renewEpoch(session, 'a failover'), {
    answers: { [RENEWAL]: problem(403, 'FORBIDDEN', 'A viewer may not do that.') },
  });
  expect(exitCode).toBe(EXIT.unauthorized);
});
