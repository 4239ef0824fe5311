// Records and their mirror: after a crash, the newer copy wins.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStorage } from '../../../public/js/core/storage.js';
import { fakeLocalStorage } from './fakes.js';

/** Creates a mirror in memory. */
function fakeMirror(revision = 0, entries = {}) {
  const copy = { revision, entries: new Map(Object.entries(entries)) };
  return {
    copy,
    write: async (next, key, text) => {
      copy.revision = Math.max(copy.revision, next);
      if (text === null) copy.entries.delete(key);
      else copy.entries.set(key, text);
    },
    read: async () => ({ revision: copy.revision, entries: new Map(copy.entries) }),
    settle: async () => null,
    replace: async (next, pairs) => Object.assign(copy, { revision: next, entries: new Map(pairs) }),
  };
}

test('every change is mirrored with a growing revision', () => {
  const mirror = fakeMirror();
  const storage = createStorage(fakeLocalStorage(), mirror);
  storage.write('nono:a', 1);
  storage.write('nono:b', 2);
  storage.remove('nono:a');
  storage.remove('nono:never');
  assert.deepEqual(mirror.copy, { revision: 3, entries: new Map([['nono:b', '2']]) });
});

test('records that localStorage lost in a crash are restored, and removed ones stay removed', async () => {
  const map = new Map([
    ['nono:revision', '4'],
    ['nono:sent', '"old"'],
    ['nono:draft', '"ha"'],
    ['other', 'untouched'],
  ]);
  const storage = createStorage(fakeLocalStorage(map), fakeMirror(7, { 'nono:draft': '"half a thought"' }));
  await storage.recover();
  assert.equal(storage.read('nono:draft'), 'half a thought');
  assert.equal(storage.read('nono:sent'), null);
  assert.equal(map.get('other'), 'untouched');
  assert.equal(map.get('nono:revision'), '7');
});

test('a mirror that is newer because another tab is writing changes no record', async () => {
  const map = new Map([
    ['nono:revision', '4'],
    ['nono:draft', '"kept"'],
  ]);
  const mirror = fakeMirror(7, { 'nono:other': '"of the other tab"' });
  mirror.settle = async () => map.set('nono:revision', '7').set('nono:other', '"of the other tab"');
  const storage = createStorage(fakeLocalStorage(map), mirror);
  await storage.recover();
  assert.equal(storage.read('nono:draft'), 'kept');
  assert.equal(storage.read('nono:other'), 'of the other tab');
});

test('a mirror that missed the last changes is updated and changes no record', async () => {
  const map = new Map([
    ['nono:revision', '9'],
    ['nono:draft', '"new"'],
  ]);
  const mirror = fakeMirror(8, { 'nono:draft': '"old"', 'nono:sent': '"again"' });
  const storage = createStorage(fakeLocalStorage(map), mirror);
  await storage.recover();
  assert.equal(storage.read('nono:draft'), 'new');
  assert.equal(storage.read('nono:sent'), null);
  assert.deepEqual(mirror.copy, { revision: 9, entries: new Map([['nono:draft', '"new"']]) });
});

test('without a mirror, recovery changes nothing', async () => {
  const storage = createStorage(fakeLocalStorage(new Map([['nono:draft', '"here"']])), {
    read: async () => null,
    write: async () => null,
  });
  await storage.recover();
  storage.write('nono:more', 1);
  assert.equal(storage.read('nono:draft'), 'here');
});

test('records are kept in memory if the browser denies access', () => {
  const refuse = () => {
    throw new DOMException('no', 'SecurityError');
  };
  const storage = createStorage(
    { getItem: refuse, setItem: refuse, removeItem: refuse, key: refuse, length: 0 },
    fakeMirror(),
  );
  storage.write('nono:a', 'kept');
  assert.equal(storage.read('nono:a'), 'kept');
  storage.remove('nono:a');
  assert.equal(storage.read('nono:a'), null);
});
