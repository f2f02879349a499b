// What happens when there is too much. Every scenario prints its figures, and those that do not hold.
//
//   npm run bench:overload [-- stalled slow crowd ...]     without a name: all of them
import { crowd } from './crowd.mjs';
import { descriptors } from './descriptors.mjs';
import { ending } from './ending.mjs';
import { middlebox } from './middlebox.mjs';
import { slow } from './slow.mjs';
import { slowloris } from './slowloris.mjs';
import { stalled } from './stalled.mjs';
import { starved } from './starved.mjs';

const SCENARIOS = { stalled, slow, crowd, descriptors, slowloris, ending, middlebox, starved };

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) {
  console.error(
    `No scenario is called ${unknown.join(', ')}. There are: ${Object.keys(SCENARIOS).join(', ')}.`,
  );
  process.exit(2);
}
for (const name of names.length === 0 ? Object.keys(SCENARIOS) : names) {
  console.log(`\n${name}`);
  await SCENARIOS[name]();
}
process.exit();
