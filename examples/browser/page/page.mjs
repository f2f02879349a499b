import { Dimmer } from '/sdk/index.mjs';

const FLAG = 'checkout-v2';
const USERS = Array.from({ length: 100 }, (_, index) => `user-${index}`);
const { url, key } = await (await fetch('/settings')).json();
const at = (id) => document.getElementById(id);
const lamps = USERS.map(() => at('grid').appendChild(document.createElement('i')));

// What a page has: one Dimmer, for the person who looks at it.
const flags = new Dimmer({ url, key, context: { targetingKey: 'user-0' } });
flags.onChange(FLAG, paintOwn);
await flags.ready();
paintOwn();

// The grid is for the show: it asks for every user when the stream has brought another revision.
let shown;
setInterval(() => {
  const { state, mode, revision, ageMs } = flags.status();
  at('status').textContent =
    `${state}, ${mode}, revision ${revision}, ${Math.round((ageMs ?? 0) / 1000)} s old`;
  if (revision === shown) return;
  shown = revision;
  void paintGrid();
}, 100);

at('percent').addEventListener('input', ({ target }) => {
  at('share').textContent = `${target.value} %`;
});
at('percent').addEventListener('change', ({ target }) =>
  fetch('/rollout', { method: 'POST', body: target.value }),
);

function paintOwn() {
  const isOn = flags.boolean(FLAG, false);
  at('you').className = isOn ? 'on' : '';
  at('checkout').textContent = isOn ? 'one-page checkout' : 'classic checkout';
}

async function paintGrid() {
  const values = await Promise.all(USERS.map(valueFor));
  for (const [index, isOn] of values.entries()) lamps[index].className = isOn ? 'on' : '';
  at('count').textContent = `${values.filter(Boolean).length} of 100 users have it`;
}

async function valueFor(targetingKey) {
  const response = await fetch(`${url}/client/v1/evaluate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ context: { targetingKey } }),
  });
  const { objects = [] } = await response.json();
  return objects.find((object) => object.key === FLAG)?.value === true;
}
