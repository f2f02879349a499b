import { commitView } from '../changes/change-views.ts';
import type { CommitOutcome } from '../changes/commit.ts';
import { replyOf } from '../http/answer.ts';
import type { Reply } from '../storage/storage.ts';

/** What a write of a whole environment answers with. Its ETag is the environment's revision. */
export function commitReply(outcome: CommitOutcome, environment: string): Reply {
  const view = commitView(outcome, environment);
  return replyOf(200, view, view.revision);
}
