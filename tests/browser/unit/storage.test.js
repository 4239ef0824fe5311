// What is kept, and its second copy: after a crash the newer one wins, whichever that is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStorage } from '../../../public/js/core/storage.js';
import { fakeLocalStorage } from './fakes.js';

/** What journal.js does, in memory. */
function fakeJournal(revision = 0, entries = {}) {
  const copy = { revision, entries: new Map(Object.entries(entries)) };
  return {
    copy,
    note: async (next, key, text) => {
      copy.revision = Math.max(copy.revision, next);
      if (text === null) copy.entries.delete(key);
      else copy.entries.set(key, text);
    },
    read: async () => ({ revision: copy.revision, entries: new Map(copy.entries) }),
    replace: async (next, pairs) => Object.assign(copy, { revision: next, entries: new Map(pairs) }),
  };
}

test('every change is noted with a growing number', () => {
  const journal = fakeJournal();
  const storage = createStorage(fakeLocalStorage(), journal);
  storage.write('nono:a', 1);
  storage.write('nono:b', 2);
  storage.remove('nono:a');
  storage.remove('nono:never');
  assert.deepEqual(journal.copy, { revision: 3, entries: new Map([['nono:b', '2']]) });
});

test('what a crash took from localStorage comes back, and what had gone stays gone', async () => {
  const map = new Map([['nono:revision', '4'], ['nono:sent', '"old"'], ['nono:draft', '"ha"'], ['other', 'untouched']]);
  const storage = createStorage(fakeLocalStorage(map), fakeJournal(7, { 'nono:draft': '"half a thought"' }));
  await storage.recover();
  assert.equal(storage.read('nono:draft'), 'half a thought');
  assert.equal(storage.read('nono:sent'), null);
  assert.equal(map.get('other'), 'untouched');
  assert.equal(map.get('nono:revision'), '7');
});

test('a journal that missed the last changes is brought up to date and changes nothing', async () => {
  const map = new Map([['nono:revision', '9'], ['nono:draft', '"new"']]);
  const journal = fakeJournal(8, { 'nono:draft': '"old"', 'nono:sent': '"again"' });
  const storage = createStorage(fakeLocalStorage(map), journal);
  await storage.recover();
  assert.equal(storage.read('nono:draft'), 'new');
  assert.equal(storage.read('nono:sent'), null);
  assert.deepEqual(journal.copy, { revision: 9, entries: new Map([['nono:draft', '"new"']]) });
});

test('without a second copy nothing is recovered and nothing is lost', async () => {
  const storage = createStorage(fakeLocalStorage(new Map([['nono:draft', '"here"']])), { read: async () => null, note: async () => null });
  await storage.recover();
  storage.write('nono:more', 1);
  assert.equal(storage.read('nono:draft'), 'here');
});

test('where the browser refuses to store, memory stands in', () => {
  const refuse = () => {
    throw new DOMException('no', 'SecurityError');
  };
  const storage = createStorage({ getItem: refuse, setItem: refuse, removeItem: refuse, key: refuse, length: 0 }, fakeJournal());
  storage.write('nono:a', 'kept');
  assert.equal(storage.read('nono:a'), 'kept');
  storage.remove('nono:a');
  assert.equal(storage.read('nono:a'), null);
});
