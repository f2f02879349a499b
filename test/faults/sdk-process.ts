import { appendHistoryFile } from './history-file.ts';
import { startSdkClient } from './sdk-client.ts';
import type { SdkAnswer, SdkAsk, SdkProcessArguments } from './sdk-process-client.ts';
import { seededRandom } from './seeded-random.ts';

/** An SDK in a process of its own, which can be stopped. Asked over the channel to its parent. */
export async function main([text = '']: readonly string[]): Promise<void> {
  const { name, url, serverKey, historyPath, seed } = JSON.parse(text) as SdkProcessArguments;
  const history = appendHistoryFile(historyPath);
  const client = startSdkClient({ name, url, serverKey, history, random: seededRandom(seed) });

  async function answer({ id, waitFor }: SdkAsk): Promise<void> {
    const reached = waitFor !== undefined && (await client.waitFor(waitFor.revision, waitFor.timeoutMs));
    if (waitFor === undefined) await client.close();
    process.send?.({ id, reached, status: client.status() } satisfies SdkAnswer);
    if (waitFor === undefined) process.disconnect();
  }

  process.on('message', (message) => void answer(message as SdkAsk));
  process.on('disconnect', () => process.exit());
}
