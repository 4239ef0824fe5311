// Notifications between tabs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTabs } from '../../../public/js/core/tabs.js';

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
