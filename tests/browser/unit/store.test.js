// The container of the state.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStore } from '../../../public/js/core/store.js';

test('a watcher is called for changes of its keys only', () => {
  const store = createStore({ a: 1, b: 1 });
  const values = [];
  const stop = store.watch(['a'], ({ a }) => values.push(a));
  store.set({ b: 2 });
  store.set({ a: 1 });
  store.set({ a: 2 });
  stop();
  store.set({ a: 3 });
  assert.deepEqual(values, [1, 2]);
});
