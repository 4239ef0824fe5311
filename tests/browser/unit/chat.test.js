// The core as a whole on a service in memory: opening, sending, switching, deleting and recreating sessions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './fake-service.js';
import { settle } from './fakes.js';

test('start opens the session in the address, or else that of the last visit', async () => {
  const map = new Map();
  const first = open({ Ada: ['a'], Grace: ['g'] }, { search: '?session=Ada', map });
  await first.chat.start();
  assert.deepEqual(first.contents(), ['a']);
  const second = open({ Ada: ['a'], Grace: ['g'] }, { map });
  await second.chat.start();
  assert.deepEqual(second.contents(), ['a']);
  assert.equal(second.location.search, '?session=Ada');
});

test('the built-in personas are shown if the service lists none', async () => {
  const { chat } = open();
  await chat.start();
  assert.equal(chat.store.state.view, 'welcome');
  assert.equal(chat.store.state.personas.length, 4);
});

test('an accepted message is added to the conversation, and other tabs are notified', async () => {
  const { chat, contents, notified } = open({ Ada: ['one'] }, { search: '?session=Ada' });
  await chat.start();
  chat.drafts.update('Ada', 'two');
  await chat.send('two');
  assert.deepEqual(contents(), ['one', 'two']);
  assert.deepEqual(chat.store.state.unsent, []);
  assert.equal(chat.drafts.read('Ada'), '');
  assert.deepEqual(notified, ['session_Ada_1']);
});

test('a switch while a message is being sent does not mix the conversations', async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const sessions = { Ada: ['a'], Grace: ['g'] };
  const slow = async function* ({ userId, content }) {
    await held;
    sessions[userId].push(content);
    yield { type: 'accepted', message: { seq: 2, role: 'user', content, timestamp: '2024-10-20T11:00:00Z' } };
  };
  const { chat, contents } = open(sessions, { search: '?session=Ada', api: { chat: slow } });
  await chat.start();
  const sending = chat.send('for Ada');
  await chat.openSession('Grace');
  release();
  await sending;
  assert.deepEqual(contents(), ['g']);
  await chat.openSession('Ada');
  assert.deepEqual(contents(), ['a', 'for Ada']);
});

test('the later of two switches wins, even if the earlier one takes longer', async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const page = open({ Ada: ['a'], Grace: ['g'] });
  const slow = open(page.sessions, {
    api: {
      getSession: async (userId) => {
        if (userId === 'Ada') await held;
        return { userId, sessionId: `session_${userId}_1`, persona: 'default', messageCount: 1 };
      },
    },
  });
  const first = slow.chat.openSession('Ada');
  await slow.chat.openSession('Grace');
  release();
  await first;
  assert.equal(slow.chat.store.state.session.userId, 'Grace');
  assert.deepEqual(slow.contents(), ['g']);
});

test('older pages are inserted at the beginning until there are none', async () => {
  const all = Array.from({ length: 120 }, (_, index) => `m${index + 1}`);
  const { chat, contents } = open({ Ada: all }, { search: '?session=Ada' });
  await chat.start();
  assert.deepEqual(contents(), all.slice(70));
  await Promise.all([chat.loadOlder(), chat.loadOlder()]);
  assert.deepEqual(contents(), all.slice(20));
  await chat.loadOlder();
  assert.deepEqual(contents(), all);
  assert.equal(chat.store.state.hasOlder, false);
});

test('a notification from another tab fetches new messages', async () => {
  const { chat, sessions, contents, notifyFromOtherTab } = open({ Ada: ['a'] }, { search: '?session=Ada' });
  await chat.start();
  sessions.Ada.push('b');
  notifyFromOtherTab('session_Grace_1');
  await settle();
  assert.deepEqual(contents(), ['a']);
  notifyFromOtherTab('session_Ada_1');
  await settle();
  assert.deepEqual(contents(), ['a', 'b']);
});

test('a session that has ended keeps its messages, and recreating it sends the unsent ones', async () => {
  const { chat, sessions, contents } = open({ Ada: ['a'] }, { search: '?session=Ada' });
  await chat.start();
  delete sessions.Ada;
  await chat.send('unsent');
  assert.equal(chat.store.state.view, 'gone');
  assert.deepEqual(contents(), ['a']);
  await chat.recreateSession();
  assert.equal(chat.store.state.view, 'open');
  assert.deepEqual(contents(), ['unsent']);
});

test('a deletion is sent after exactly ten seconds', async () => {
  const { chat, timers, sessions } = open({ Ada: ['a'], Grace: ['g'] }, { search: '?session=Ada' });
  await chat.start();
  chat.showList('shown', true);
  await settle();
  chat.removeSession(chat.store.state.list.items[1]);
  await timers.advance(9_999);
  assert.ok(sessions.Grace);
  await timers.advance(1);
  assert.equal(sessions.Grace, undefined);
  assert.deepEqual(
    chat.store.state.list.items.map(({ userId }) => userId),
    ['Ada'],
  );
  assert.equal(chat.store.state.view, 'open');
});

test('undo keeps the session and opens it again if it was open', async () => {
  const { chat, timers, sessions, contents } = open({ Ada: ['a'] }, { search: '?session=Ada' });
  await chat.start();
  chat.removeSession(chat.store.state.session);
  assert.equal(chat.store.state.view, 'welcome');
  await chat.undoRemoval('Ada');
  await timers.advance(60_000);
  assert.ok(sessions.Ada);
  assert.deepEqual(contents(), ['a']);
});

test('creating a session whose deletion can still be undone deletes the old one first', async () => {
  const { chat, contents } = open({ Ada: ['a'] }, { search: '?session=Ada' });
  await chat.start();
  chat.removeSession(chat.store.state.session);
  const created = await chat.createSession({ userId: 'Ada', requestId: 'r9' });
  assert.equal(created.created, true);
  assert.deepEqual(contents(), []);
  assert.deepEqual(chat.store.state.deletions, []);
});
