// Notifications between tabs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTabs } from '../../../public/js/core/tabs.js';
import { fakeLocks } from './fakes.js';

test('a notification contains the id of the session that changed and nothing else', () => {
  const posted = [];
  let receive;
  class Channel {
    addEventListener(_, listener) {
      receive = listener;
    }
    postMessage(notification) {
      posted.push(notification);
    }
  }
  const received = [];
  const tabs = createTabs(Channel);
  tabs.onChanged((id) => received.push(id));
  tabs.notify('s1');
  receive({ data: { session_id: 's2' } });
  receive({ data: 'noise' });
  assert.deepEqual(posted, [{ session_id: 's1' }]);
  assert.deepEqual(received, ['s2']);
  createTabs(undefined).notify('s1');
});

test('a lock is held by one tab until it is released, and a tab goes on without it if there are none or it waits too long', async () => {
  const locks = fakeLocks();
  const [one, other] = [createTabs(undefined, locks.tab()), createTabs(undefined, locks.tab())];
  const release = await one.lock('a');
  assert.equal(await other.lock('a', { ifFree: true }), null);
  const waiting = other.lock('a');
  release();
  assert.equal(typeof (await waiting), 'function');
  assert.equal(typeof (await one.lock('a', { signal: AbortSignal.timeout(1) })), 'function');
  const denied = createTabs(undefined, { request: async () => Promise.reject(new Error('denied')) });
  for (const tabs of [createTabs(undefined), denied])
    assert.equal(typeof (await tabs.lock('a', { ifFree: true })), 'function');
});
