// A list of sessions that is in sight follows the open session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './fake-service.js';
import { settle } from './fakes.js';

/** Opens a page that counts the lists it loads. */
async function openCounted() {
  let lists = 0;
  const page = open(
    { Ada: ['a'], Grace: [] },
    {
      search: '?session=Ada',
      api: {
        listSessions: async () => {
          lists += 1;
          return { sessions: [], count: 0, nextToken: null };
        },
      },
    },
  );
  await page.chat.start();
  return { ...page, lists: () => lists };
}

/** Records that the open session has `messageCount` messages. */
const store = (chat, messageCount) => chat.store.set({ session: { ...chat.store.state.session, messageCount } });

test('a message and another session load a docked list again, once for several changes', async () => {
  const { chat, timers, lists } = await openCounted();
  chat.showList('docked', true);
  await settle();
  assert.equal(lists(), 1);
  store(chat, 2);
  store(chat, 3);
  await timers.advance(500);
  assert.equal(lists(), 2);
  await chat.openSession('Grace');
  await timers.advance(500);
  assert.equal(lists(), 3);
});

test('a list that is not in sight is not loaded', async () => {
  const { chat, timers, lists } = await openCounted();
  store(chat, 2);
  await timers.advance(500);
  assert.equal(lists(), 0);
});

test('closing the dialog resets the search and keeps the docked list loaded', async () => {
  const { chat, lists } = await openCounted();
  chat.showList('docked', true);
  chat.showList('shown', true);
  chat.list.search('ada');
  await settle();
  chat.showList('shown', false);
  await settle();
  const { query, status, docked } = chat.store.state.list;
  assert.deepEqual([query, status, docked], ['', 'ready', true]);
  assert.equal(lists(), 3);
});
