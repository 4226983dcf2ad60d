/** Laws of variables: what Grafana puts where a dashboard names one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Variables } from './variables.mjs';

const custom = (name, query, more) => ({ name, type: 'custom', query, ...more });

/** Puts variables into PromQL; none of them asks Prometheus. */
async function intoPromQL(expression, ...list) {
  const variables = await Variables.of({ templating: { list } }, 'http://unasked.invalid', { from: 0, to: 1 });
  return variables.intoPromQL(expression, { __rate_interval: '4s' });
}

test('one value stands as it is', async () => {
  assert.equal(await intoPromQL('m{bot="$bot"}', custom('bot', 'support, sales')), 'm{bot="support"}');
});

test('several values are one of a regular expression', async () => {
  const bot = custom('bot', 'support,sales', { multi: true, current: { value: ['support', 'sales'] } });
  assert.equal(await intoPromQL('m{bot=~"${bot}"}', bot), 'm{bot=~"(support|sales)"}');
});

test('what means something in a regular expression is escaped, once for it and once for the text', async () => {
  const bot = custom('bot', 'a.b', { multi: true });
  assert.equal(await intoPromQL('m{bot=~"$bot"}', bot), String.raw`m{bot=~"a\\.b"}`);
});

test('All is every value, or the value that the dashboard gives it', async () => {
  const all = { multi: true, includeAll: true, current: { value: ['$__all'] } };
  assert.equal(await intoPromQL('m{bot=~"$bot"}', custom('bot', 'a,b', all)), 'm{bot=~"(a|b)"}');
  assert.equal(await intoPromQL('m{bot=~"$bot"}', custom('bot', 'a,b', { ...all, allValue: '.*' })), 'm{bot=~".*"}');
});

test('intervals are put in, and what is no variable is left alone', async () => {
  assert.equal(await intoPromQL('rate(m[$__rate_interval]) or $unknown'), 'rate(m[4s]) or $unknown');
});
