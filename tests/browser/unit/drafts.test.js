// Drafts: the times at which they are saved and removed, and several tabs on one session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDrafts } from '../../../public/js/core/drafts.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { fakeLocalStorage, fakeTimers } from './fakes.js';

function setUp() {
  const timers = fakeTimers();
  const map = new Map();
  const storage = createStorage(fakeLocalStorage(map));
  return { timers, map, storage, drafts: createDrafts({ storage, timers }) };
}

test('a keystroke is saved after 65 ms', async () => {
  const { timers, map, drafts } = setUp();
  drafts.update('Ada', 'hel');
  await timers.advance(64);
  assert.equal(map.size, 0);
  await timers.advance(1);
  assert.match(map.get('nono:draft:Ada'), /"text":"hel"/);
});

test('an empty text removes the draft after 850 ms', async () => {
  const { timers, map, drafts } = setUp();
  drafts.update('Ada', 'hello');
  await timers.advance(65);
  drafts.update('Ada', '');
  await timers.advance(849);
  assert.equal(map.size, 1);
  await timers.advance(1);
  assert.equal(map.size, 0);
});

test('flush saves immediately', () => {
  const { timers, map, drafts } = setUp();
  drafts.update('Ada', 'hello');
  drafts.flush();
  assert.equal(map.size, 1);
  assert.equal(timers.pending, 0);
});

test('a keystroke in another session saves the previous draft first', () => {
  const { drafts, map } = setUp();
  drafts.update('Ada', 'one');
  drafts.update('Grace', 'two');
  assert.match(map.get('nono:draft:Ada'), /"text":"one"/);
  assert.equal(drafts.read('Grace'), 'two');
});

test('a removed draft is not saved later', async () => {
  const { timers, map, drafts } = setUp();
  drafts.update('Ada', 'hello');
  drafts.remove('Ada');
  await timers.advance(1000);
  assert.equal(map.size, 0);
  assert.equal(drafts.read('Ada'), '');
});

test('prune removes drafts that are older than a week', async () => {
  const { timers, drafts } = setUp();
  drafts.update('Ada', 'old');
  drafts.flush();
  await timers.advance(4 * 24 * 3600_000);
  drafts.update('Grace', 'newer');
  drafts.flush();
  await timers.advance(4 * 24 * 3600_000);
  drafts.prune();
  assert.equal(drafts.read('Ada'), '');
  assert.equal(drafts.read('Grace'), 'newer');
});

test('records are kept in memory if the browser refuses to store them', () => {
  const refuse = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const storage = createStorage({
    getItem: () => null,
    setItem: refuse,
    removeItem: refuse,
    key: () => null,
    length: 0,
  });
  storage.write('k', { a: 1 });
  assert.deepEqual(storage.read('k'), { a: 1 });
  assert.deepEqual(storage.keys('k'), ['k']);
  storage.remove('k');
  assert.equal(storage.read('k'), null);
});

test('a record that is not JSON is null', () => {
  const storage = createStorage(fakeLocalStorage(new Map([['k', '{half']])));
  assert.equal(storage.read('k'), null);
});

/** Creates two tabs with a shared storage. */
function twoTabs() {
  const first = setUp();
  return [first.drafts, createDrafts({ storage: first.storage, timers: first.timers }), first];
}

test('a draft that another tab is writing is restored after this tab sends its own', async () => {
  const [one, two, { timers }] = twoTabs();
  two.update('Ada', 'not finished');
  await timers.advance(65);
  one.update('Ada', 'done');
  await timers.advance(65);
  one.clearIfSent('Ada', 'done');
  assert.equal(two.read('Ada'), '');
  two.restore();
  assert.equal(one.read('Ada'), 'not finished');
});

test('a page that ends keeps its draft even if it does not see yet that the one of another tab was sent', async () => {
  const [one, two, { timers }] = twoTabs();
  two.update('Ada', 'not finished');
  await timers.advance(65);
  one.update('Ada', 'done');
  await timers.advance(65);
  two.keep();
  one.clearIfSent('Ada', 'done');
  assert.equal(one.read('Ada'), 'not finished');
  one.keep();
  assert.equal(one.read('Ada'), 'not finished', 'what was sent is no draft');
});

test('a page that ends keeps no draft that was emptied', async () => {
  const [one] = twoTabs();
  one.update('Ada', 'done');
  one.update('Ada', '');
  one.keep();
  assert.equal(one.read('Ada'), '');
});

test('a draft that was sent or left for another session is not restored', async () => {
  const [one, two, { timers }] = twoTabs();
  one.update('Ada', 'sent');
  await timers.advance(65);
  one.clearIfSent('Ada', 'sent');
  one.restore();
  assert.equal(one.read('Ada'), '');
  two.update('Ada', 'left');
  two.detach();
  one.remove('Ada');
  two.restore();
  assert.equal(two.read('Ada'), '');
});

test('sending does not remove a draft that another tab has stored in the meantime', async () => {
  const [one, two, { timers }] = twoTabs();
  one.update('Ada', 'mine');
  await timers.advance(65);
  two.update('Ada', 'theirs');
  await timers.advance(65);
  one.clearIfSent('Ada', 'mine');
  assert.equal(two.read('Ada'), 'theirs');
});
