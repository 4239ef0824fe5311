// The actions as a whole, against a service in memory: opening, sending, switching, deleting, starting again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './fake-service.js';
import { settle } from './fakes.js';

test('the address says which session is opened, else the last visit does', async () => {
  const map = new Map();
  const first = open({ Ada: ['a'], Grace: ['g'] }, { search: '?session=Ada', map });
  await first.chat.start();
  assert.deepEqual(first.contents(), ['a']);
  const second = open({ Ada: ['a'], Grace: ['g'] }, { map });
  await second.chat.start();
  assert.deepEqual(second.contents(), ['a']);
  assert.equal(second.location.search, '?session=Ada');
});

test('personas that are not served yet leave the built-in four', async () => {
  const { chat } = open();
  await chat.start();
  assert.equal(chat.store.state.view, 'welcome');
  assert.equal(chat.store.state.personas.length, 4);
});

test('a message that is accepted joins the conversation and other tabs are told', async () => {
  const { chat, contents, told } = open({ Ada: ['one'] }, { search: '?session=Ada' });
  await chat.start();
  chat.drafts.note('Ada', 'two');
  await chat.send('two');
  assert.deepEqual(contents(), ['one', 'two']);
  assert.deepEqual(chat.store.state.pending, []);
  assert.equal(chat.drafts.read('Ada'), '');
  assert.deepEqual(told, ['session_Ada_1']);
});

test('a switch while a message is on its way does not mix the conversations', async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const sessions = { Ada: ['a'], Grace: ['g'] };
  const slow = async function* ({ userId, content }) {
    await held;
    sessions[userId].push(content);
    yield { type: 'accepted', message: { seq: 2, role: 'user', content, timestamp: '2024-10-20T11:00:00Z' } };
  };
  const { chat, contents } = open(sessions, { search: '?session=Ada', api: { send: slow } });
  await chat.start();
  const sending = chat.send('for Ada');
  await chat.open('Grace');
  release();
  await sending;
  assert.deepEqual(contents(), ['g']);
  await chat.open('Ada');
  assert.deepEqual(contents(), ['a', 'for Ada']);
});

test('the slower of two switches does not win', async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const page = open({ Ada: ['a'], Grace: ['g'] });
  const slow = open(page.sessions, {
    api: {
      session: async (userId) => {
        if (userId === 'Ada') await held;
        return { user_id: userId, session_id: `session_${userId}_1`, persona: 'default', message_count: 1 };
      },
    },
  });
  const first = slow.chat.open('Ada');
  await slow.chat.open('Grace');
  release();
  await first;
  assert.equal(slow.chat.store.state.session.user_id, 'Grace');
  assert.deepEqual(slow.contents(), ['g']);
});

test('older pages are put in front until there are none', async () => {
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

test('a note from another tab fetches what is new', async () => {
  const { chat, sessions, contents, fromOtherTab } = open({ Ada: ['a'] }, { search: '?session=Ada' });
  await chat.start();
  sessions.Ada.push('b');
  fromOtherTab('session_Grace_1');
  await settle();
  assert.deepEqual(contents(), ['a']);
  fromOtherTab('session_Ada_1');
  await settle();
  assert.deepEqual(contents(), ['a', 'b']);
});

test('a session that ended keeps its messages in sight and can be started again with what was unsent', async () => {
  const { chat, sessions, contents } = open({ Ada: ['a'] }, { search: '?session=Ada' });
  await chat.start();
  delete sessions.Ada;
  await chat.send('unsent');
  assert.equal(chat.store.state.view, 'gone');
  assert.deepEqual(contents(), ['a']);
  await chat.startAgain();
  assert.equal(chat.store.state.view, 'open');
  assert.deepEqual(contents(), ['unsent']);
});

test('a deletion is sent after ten seconds and not a moment before', async () => {
  const { chat, timers, sessions } = open({ Ada: ['a'], Grace: ['g'] }, { search: '?session=Ada' });
  await chat.start();
  chat.showList(true);
  await settle();
  chat.remove(chat.store.state.list.items[1]);
  await timers.advance(9_999);
  assert.ok(sessions.Grace);
  await timers.advance(1);
  assert.equal(sessions.Grace, undefined);
  assert.deepEqual(chat.store.state.list.items.map(({ user_id }) => user_id), ['Ada']);
  assert.equal(chat.store.state.view, 'open');
});

test('undo keeps the session and shows it again if it was the open one', async () => {
  const { chat, timers, sessions, contents } = open({ Ada: ['a'] }, { search: '?session=Ada' });
  await chat.start();
  chat.remove(chat.store.state.session);
  assert.equal(chat.store.state.view, 'welcome');
  await chat.undo('Ada');
  await timers.advance(60_000);
  assert.ok(sessions.Ada);
  assert.deepEqual(contents(), ['a']);
});

test('creating a session under a name in its time of undo deletes the old one first', async () => {
  const { chat, contents } = open({ Ada: ['a'] }, { search: '?session=Ada' });
  await chat.start();
  chat.remove(chat.store.state.session);
  const made = await chat.create({ userId: 'Ada', requestId: 'r9' });
  assert.equal(made.created, true);
  assert.deepEqual(contents(), []);
  assert.deepEqual(chat.store.state.deletions, []);
});
