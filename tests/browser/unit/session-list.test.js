// The list of sessions: searching and grouping by day, and loading its rest where somebody searches.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countText, listingOf } from '../../../public/js/core/session-filter.js';
import { createPatience } from '../../../public/js/core/retry.js';
import { BUILT_IN } from '../../../public/js/core/personas.js';
import { createSessionList } from '../../../public/js/core/session-list.js';
import { INITIAL_STATE, createStore } from '../../../public/js/core/store.js';
import { periodOf } from '../../../public/js/core/format-time.js';
import { fakeTimers, settle } from './fakes.js';

const NOW = new Date(2024, 9, 20, 12).getTime();
const before = (days, hour = 12) => new Date(2024, 9, 20 - days, hour).toISOString();
const item = (user_id, days = 0, persona = 'default') => ({ user_id, session_id: `s_${user_id}`, persona, last_activity: before(days) });
const listing = (items, query = '', limit = 100) => listingOf({ items, query, limit }, BUILT_IN, NOW);
const names = ({ groups }) => groups.flatMap(({ sessions }) => sessions.map(({ user_id: name }) => name));

test('sessions stand in groups by the day of their last activity', () => {
  const { groups } = listing([item('a'), item('b'), item('c', 1), item('d', 3), item('e', 20), item('f', 50)]);
  assert.deepEqual(
    groups.map(({ label, sessions }) => [label, sessions.length]),
    [['Today', 2], ['Yesterday', 1], ['Last 7 days', 1], ['Last 30 days', 1], ['August 2024', 1]],
  );
});

test('a day is a day of the calendar, also where the clocks change and where they are ahead', () => {
  assert.equal(periodOf(before(0, 0), NOW), 'Today');
  assert.equal(periodOf(before(1, 23), NOW), 'Yesterday');
  assert.equal(periodOf(before(-1), NOW), 'Today');
  assert.equal(periodOf('nonsense', NOW), '');
});

test('a search finds words of the name and the persona, in any order, without case and accents', () => {
  const items = [item('Zoë Müller'), item('Ada', 0, 'technical_support'), item('adamant')];
  assert.deepEqual(names(listing(items, 'zoe')), ['Zoë Müller']);
  assert.deepEqual(names(listing(items, '  SUPPORT ada ')), ['Ada']);
  assert.deepEqual(names(listing(items, 'ada')), ['Ada', 'adamant']);
  assert.equal(listing(items, 'nobody').matching, 0);
});

test('the count says what was found of how many, and that it is still searching', () => {
  const state = { count: 1200, query: ' ', status: 'ready', items: [] };
  assert.equal(countText(state, { matching: 0 }), '1,200 sessions');
  assert.equal(countText({ ...state, count: 1 }, { matching: 1 }), '1 session');
  assert.equal(countText({ ...state, query: 'a' }, { matching: 3 }), '3 of 1,200 sessions');
  assert.equal(countText({ ...state, query: 'a', status: 'loading', items: { length: 100 } }, {}), 'Searching, 100 of 1,200 sessions so far');
});

/** A list of `total` sessions behind a service that gives as many as it is asked for. */
function office(total) {
  const asked = [];
  const store = createStore(INITIAL_STATE);
  const api = {
    async list({ pageSize, pageToken = 0 }) {
      asked.push(pageSize);
      const to = Math.min(total, Number(pageToken) + pageSize);
      const sessions = Array.from({ length: to - pageToken }, (_, index) => item(`n${Number(pageToken) + index}`));
      return { sessions, count: total, ...(to < total ? { next_page_token: String(to) } : {}) };
    },
  };
  const list = createSessionList({ api, store, patience: createPatience({ timers: fakeTimers(), onWaiting: () => {} }) });
  return { list, store, asked };
}

test('a search loads the rest of the list first, in large pages', async () => {
  const { list, store, asked } = office(2_500);
  await list.refresh();
  list.search('n2499');
  await settle();
  assert.deepEqual(asked, [100, 1000, 1000, 1000]);
  assert.equal(store.state.list.items.length, 2_500);
  assert.deepEqual(names(listingOf(store.state.list, BUILT_IN, NOW)), ['n2499']);
  list.search('');
  assert.equal(listingOf(store.state.list, BUILT_IN, NOW).shown, 100);
  list.more();
  assert.equal(listingOf(store.state.list, BUILT_IN, NOW).shown, 200);
  assert.equal(asked.length, 4);
});

test('a search ends at ten thousand sessions', async () => {
  const { list, store } = office(50_000);
  await list.refresh();
  list.search('x');
  await settle();
  assert.equal(store.state.list.status, 'ready');
  assert.equal(store.state.list.items.length, 10_100);
});

test('a list that is asked for anew while somebody searches is searched to its end', async () => {
  const { list, store } = office(1_500);
  await list.refresh();
  list.search('n1499');
  void list.refresh();
  await settle();
  assert.deepEqual(names(listingOf(store.state.list, BUILT_IN, NOW)), ['n1499']);
});
