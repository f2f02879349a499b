import type { Ruleset } from '@dimmer/evaluator';
import { isExposed } from '@dimmer/evaluator';
import { REASONS } from '@dimmer/schema';
import type { ReportInput } from '@dimmer/schema/rest';

type Exposures = NonNullable<ReportInput['batch']>['exposures'];

/**
 * What of a browser's exposures can be true. Anybody may report with a client key: an exposure of a flag, variation
 * or reason that no browser can have seen is not counted, so that made-up ones take nobody's room.
 *
 * @example credibleExposures(ruleset, report.batch.exposures)
 */
export function credibleExposures({ flags }: Ruleset, exposures: Exposures): Exposures {
  return exposures.filter(({ flag: key, variation, reason }) => {
    const flag = flags.get(key);
    if (flag === undefined || !isExposed(flag) || !REASONS.some((known) => known === reason)) return false;
    return variation === null || Object.hasOwn(flag.definition.variations, variation);
  });
}
