// The list of sessions: search, groups by day, and loading its rest during a search.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPeriod } from '../../../public/js/core/format-time.js';
import { BUILT_IN_PERSONAS } from '../../../public/js/core/personas.js';
import { createRetrier } from '../../../public/js/core/retry.js';
import { describeCount, filterSessions } from '../../../public/js/core/session-filter.js';
import { createSessionList } from '../../../public/js/core/session-list.js';
import { INITIAL_STATE } from '../../../public/js/core/state.js';
import { createStore } from '../../../public/js/core/store.js';
import { fakeTimers, settle } from './fakes.js';

const NOW = new Date(2024, 9, 20, 12).getTime();
const before = (days, hour = 12) => new Date(2024, 9, 20 - days, hour).toISOString();
const item = (userId, days = 0, persona = 'default') => ({
  userId,
  sessionId: `s_${userId}`,
  persona,
  lastActivity: before(days),
});
const filter = (items, query = '', limit = 100) => filterSessions({ items, query, limit }, BUILT_IN_PERSONAS, NOW);
const names = ({ groups }) => groups.flatMap(({ sessions }) => sessions.map(({ userId }) => userId));

test('sessions are grouped by the day of their last activity', () => {
  const { groups } = filter([item('a'), item('b'), item('c', 1), item('d', 3), item('e', 20), item('f', 50)]);
  assert.deepEqual(
    groups.map(({ label, sessions }) => [label, sessions.length]),
    [
      ['Today', 2],
      ['Yesterday', 1],
      ['Last 7 days', 1],
      ['Last 30 days', 1],
      ['August 2024', 1],
    ],
  );
});

test('a day is a calendar day, and a time in the future is today', () => {
  assert.equal(formatPeriod(before(0, 0), NOW), 'Today');
  assert.equal(formatPeriod(before(1, 23), NOW), 'Yesterday');
  assert.equal(formatPeriod(before(-1), NOW), 'Today');
  assert.equal(formatPeriod('nonsense', NOW), '');
});

test('a search finds words of the name and the persona, in any order, without case and accents', () => {
  const items = [item('Zoë Müller'), item('Ada', 0, 'technical_support'), item('adamant')];
  assert.deepEqual(names(filter(items, 'zoe')), ['Zoë Müller']);
  assert.deepEqual(names(filter(items, '  SUPPORT ada ')), ['Ada']);
  assert.deepEqual(names(filter(items, 'ada')), ['Ada', 'adamant']);
  assert.equal(filter(items, 'nobody').matching, 0);
});

test('the count describes the matches, the total, and a search in progress', () => {
  const state = { count: 1200, query: ' ', status: 'ready', items: [] };
  assert.equal(describeCount(state, { matching: 0 }), '1,200 sessions');
  assert.equal(describeCount({ ...state, count: 1 }, { matching: 1 }), '1 session');
  assert.equal(describeCount({ ...state, query: 'a' }, { matching: 3 }), '3 of 1,200 sessions');
  assert.equal(
    describeCount({ ...state, query: 'a', status: 'loading', items: { length: 100 } }, {}),
    'Searching, 100 of 1,200 sessions so far',
  );
});

/** Creates the list of a service with `total` sessions. `pageSizes` are those of its requests. */
function setUp(total) {
  const pageSizes = [];
  const store = createStore(INITIAL_STATE);
  const api = {
    async listSessions({ pageSize, pageToken }) {
      pageSizes.push(pageSize);
      const to = Math.min(total, Number(pageToken) + pageSize);
      const sessions = Array.from({ length: to - Number(pageToken) }, (_, index) =>
        item(`n${Number(pageToken) + index}`),
      );
      return { sessions, count: total, nextToken: to < total ? String(to) : null };
    },
  };
  const list = createSessionList({
    api,
    store,
    retrier: createRetrier({ timers: fakeTimers(), onWaitChange: () => {} }),
  });
  return { list, store, pageSizes };
}

test('a search loads the rest of the list first, in large pages', async () => {
  const { list, store, pageSizes } = setUp(2_500);
  await list.refresh();
  list.search('n2499');
  await settle();
  assert.deepEqual(pageSizes, [100, 1000, 1000, 1000]);
  assert.equal(store.state.list.items.length, 2_500);
  assert.deepEqual(names(filterSessions(store.state.list, BUILT_IN_PERSONAS, NOW)), ['n2499']);
  list.search('');
  assert.equal(filterSessions(store.state.list, BUILT_IN_PERSONAS, NOW).shown, 100);
  list.showMore();
  assert.equal(filterSessions(store.state.list, BUILT_IN_PERSONAS, NOW).shown, 200);
  assert.equal(pageSizes.length, 4);
});

test('a search ends at ten thousand sessions', async () => {
  const { list, store } = setUp(50_000);
  await list.refresh();
  list.search('x');
  await settle();
  assert.equal(store.state.list.status, 'ready');
  assert.equal(store.state.list.items.length, 10_100);
});

test('a refresh loads all rows again that are shown, with few calls, and they remain in the meantime', async () => {
  const { list, store, pageSizes } = setUp(2_500);
  store.set({ list: { ...store.state.list, docked: true } });
  await list.refresh();
  for (let more = 0; more < 12; more += 1) {
    list.showMore();
    await settle();
  }
  const { items } = store.state.list;
  assert.equal(items.length, 1_300);
  const lengths = new Set();
  store.watch(['list'], (state) => lengths.add(state.list.items.length));
  pageSizes.length = 0;
  list.refreshShown();
  await settle();
  assert.deepEqual(pageSizes, [1000, 300]);
  assert.deepEqual([...lengths], [1_300]);
  assert.notEqual(store.state.list.items, items);
  assert.equal(store.state.list.status, 'ready');
  list.showMore();
  await settle();
  assert.equal(store.state.list.items.at(-1).userId, 'n1399');
});

test('a refresh after a search loads the first rows only', async () => {
  const { list, pageSizes } = setUp(2_500);
  await list.refresh();
  list.search('n2499');
  await settle();
  list.search('');
  pageSizes.length = 0;
  await list.refresh();
  assert.deepEqual(pageSizes, [100]);
});

test('a list that is refreshed during a search is loaded to its end', async () => {
  const { list, store } = setUp(1_500);
  await list.refresh();
  list.search('n1499');
  void list.refresh();
  await settle();
  assert.deepEqual(names(filterSessions(store.state.list, BUILT_IN_PERSONAS, NOW)), ['n1499']);
});
