// When a draft is written and when it is forgotten.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDrafts } from '../../../public/js/core/drafts.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { fakeLocalStorage, fakeTimers } from './fakes.js';

function desk() {
  const timers = fakeTimers();
  const map = new Map();
  const storage = createStorage(fakeLocalStorage(map));
  return { timers, map, storage, drafts: createDrafts({ storage, timers }) };
}

test('a keystroke is stored after 65 ms', async () => {
  const { timers, map, drafts } = desk();
  drafts.note('Ada', 'hel');
  await timers.advance(64);
  assert.equal(map.size, 0);
  await timers.advance(1);
  assert.match(map.get('nono:draft:Ada'), /"text":"hel"/);
});

test('an empty text is stored after 850 ms only', async () => {
  const { timers, map, drafts } = desk();
  drafts.note('Ada', 'hello');
  await timers.advance(65);
  drafts.note('Ada', '');
  await timers.advance(849);
  assert.equal(map.size, 1);
  await timers.advance(1);
  assert.equal(map.size, 0);
});

test('flushing stores at once', () => {
  const { timers, map, drafts } = desk();
  drafts.note('Ada', 'hello');
  drafts.flush();
  assert.equal(map.size, 1);
  assert.equal(timers.pending, 0);
});

test('typing in another session first stores the draft of the one before', () => {
  const { drafts, map } = desk();
  drafts.note('Ada', 'one');
  drafts.note('Grace', 'two');
  assert.match(map.get('nono:draft:Ada'), /"text":"one"/);
  assert.equal(drafts.read('Grace'), 'two');
});

test('a dropped draft does not come back', async () => {
  const { timers, map, drafts } = desk();
  drafts.note('Ada', 'hello');
  drafts.drop('Ada');
  await timers.advance(1000);
  assert.equal(map.size, 0);
  assert.equal(drafts.read('Ada'), '');
});

test('drafts of more than a week ago are forgotten, others are not', async () => {
  const { timers, drafts } = desk();
  drafts.note('Ada', 'old');
  drafts.flush();
  await timers.advance(4 * 24 * 3600_000);
  drafts.note('Grace', 'newer');
  drafts.flush();
  await timers.advance(4 * 24 * 3600_000);
  drafts.prune();
  assert.equal(drafts.read('Ada'), '');
  assert.equal(drafts.read('Grace'), 'newer');
});

test('where the browser refuses to store, memory stands in', () => {
  const refuse = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const storage = createStorage({ getItem: () => null, setItem: refuse, removeItem: refuse, key: () => null, length: 0 });
  storage.write('k', { a: 1 });
  assert.deepEqual(storage.read('k'), { a: 1 });
  assert.deepEqual(storage.keys('k'), ['k']);
  storage.remove('k');
  assert.equal(storage.read('k'), null);
});

test('what is stored and is no JSON counts as nothing', () => {
  const storage = createStorage(fakeLocalStorage(new Map([['k', '{half']])));
  assert.equal(storage.read('k'), null);
});

/** Two tabs on one store. */
function twoTabs() {
  const first = desk();
  return [first.drafts, createDrafts({ storage: first.storage, timers: first.timers }), first];
}

test('what one tab sent is not what another is still writing', async () => {
  const [one, two, { timers }] = twoTabs();
  two.note('Ada', 'not finished');
  await timers.advance(65);
  one.note('Ada', 'done');
  await timers.advance(65);
  one.settle('Ada', 'done');
  assert.equal(two.read('Ada'), '');
  two.restore();
  assert.equal(one.read('Ada'), 'not finished');
});

test('a text that was sent, or left for another session, does not come back', async () => {
  const [one, two, { timers }] = twoTabs();
  one.note('Ada', 'sent');
  await timers.advance(65);
  one.settle('Ada', 'sent');
  one.restore();
  assert.equal(one.read('Ada'), '');
  two.note('Ada', 'left');
  two.leave();
  one.drop('Ada');
  two.restore();
  assert.equal(two.read('Ada'), '');
});

test('sending does not take a text that another tab has noted meanwhile', async () => {
  const [one, two, { timers }] = twoTabs();
  one.note('Ada', 'mine');
  await timers.advance(65);
  two.note('Ada', 'theirs');
  await timers.advance(65);
  one.settle('Ada', 'mine');
  assert.equal(two.read('Ada'), 'theirs');
});
