import assert from 'node:assert/strict';
import type { CommitOutcome } from '../changes/commit.ts';
import { replyOf } from '../http/answer.ts';
import type { Reply } from '../storage/storage.ts';
import { configurationView } from './configuration-views.ts';
import { configuredFlagOf } from './find-flag.ts';

/** What a write of one configuration answers with: the configuration as it is now. */
export function configurationReply({ after }: CommitOutcome, environment: string, flag: string): Reply {
  const configured = configuredFlagOf(after, environment, flag);
  assert(configured.ok, `the configuration of ${flag} is gone after an edit of it`);
  return replyOf(200, configurationView(configured.value), configured.value.place.version);
}
