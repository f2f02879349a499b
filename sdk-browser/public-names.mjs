/**
 * Names of properties that somebody outside of the bundle reads or writes: programs that use the SDK, and the
 * server. All others become one or two letters. Names of the language and of browsers are known to terser, and
 * names in quotes stay.
 */
export const PUBLIC_NAMES = `
  Dimmer ready timeoutMs boolean string number json detail flags identify hash onChange onStatus track status close
  url key context targetingKey anonymous bootstrap contextHash application name build persistence getItem setItem
  streaming shareTabs reports logger warn

  value variation reason isStatic errorCode revision ageMs metadata state mode epoch source lastError message dropped
  exposures events

  protocol heartbeatMs kind version type digest committedAt kill databaseAgeMs reconnectInMs objects at values since
  opaque authorization

  hello put delete commit heartbeat goodbye

  polls watchPage

  DimmerProvider createFlagHooks useFlag useFlagDetail useDimmer useStatus client options suspense fallback children Provider

  instance id sdk runningMs clockOffsetMs applied batch flag count details
`
  .trim()
  .split(/\s+/);

/**
 * Names of properties that are ours alone in `src`, though browsers have some of the same name: nothing in the core asks
 * a browser for one of them.
 */
export const INNER_NAMES = `
  after before changed channel complete decode drain end ended event expose fetch flush load open published retry run save start storage
  timing transport watch word
`
  .trim()
  .split(/\s+/);
