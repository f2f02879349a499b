/**
 * What the published bundles say in place of a text: the code that docs/browser-sdk.md explains. The source keeps the
 * texts, for tests and for Node. Each text is written as it is in the source, whole or as the part that stays the same.
 */
export const ERROR_CODES = {
  'key must be a client key, dim_cli_…': 'key',
  'context is not used: ': 'context: ',
  'a listener threw: ': 'listener: ',
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: Texts of the source.
  '${this.#following.state().problem?.message}; check key and hash': 'refused',
  'streaming is off': 'off',
  'the server answered ${status}': 'status',
  'the stream ended': 'ended',
  'a message is too long': 'too-long',
  'no hello in time': 'no-hello',
  'the stream is silent': 'silent',
  'goodbye at once': 'goodbye',
  '${what} cannot be read': 'malformed',
  '${message.type} out of turn': 'order',
  'the server is behind: at ${revision}, here is ${known}': 'behind',
  'hello ${revision}: ${mode} does not fit': 'hello',
  'commit ${revision} does not follow': 'commit',
  'heartbeat ${revision}: here is ${snapshot.revision}': 'heartbeat',
  '${where} ${revision}: the digest differs': 'digest',
  'too much without a commit': 'too-large',
  'the server is cut off from its database': 'cut-off',
  'no answer within ${timing.pollTimeoutMs} ms': 'no-answer',
  'the server answered 304': 'unchanged',
  'the answer is of no use': 'useless',
  'the server is at ${owed.epoch}:${owed.revision}, and the stream does not bring it': 'owed',
  'the answer is at ${brought.revision}, behind ${known.revision} of the same epoch': 'behind',
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: Texts of the source.
};
