// The actions as a whole, against a service in memory: sending, switching, deleting, starting again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createChat } from '../../../public/js/core/chat.js';
import { ApiError } from '../../../public/js/core/problem.js';
import { createRouter } from '../../../public/js/core/router.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { countingIds, fakeLocalStorage, fakeTimers, settle } from './support.js';

const gone = () => new ApiError({ status: 404, reason: 'SESSION_NOT_FOUND' });

/** A service whose sessions are `{user_id: [content, ...]}`. */
function service(sessions, timers) {
  const describe = (userId) => {
    if (!sessions[userId]) throw gone();
    const expires_at = new Date(timers.now() + 3_600_000).toISOString();
    return { user_id: userId, session_id: `session_${userId}_1`, persona: 'default', message_count: sessions[userId].length, expires_at };
  };
  const stored = (userId) => sessions[userId].map((content, index) => ({ seq: index + 1, role: 'user', content, timestamp: '2024-10-20T11:00:00Z' }));
  return {
    config: async () => ({ title: 'Nono Chat Bot' }),
    personas: async () => {
      throw new ApiError({ status: 501 });
    },
    create: async ({ userId }) => {
      if (sessions[userId]) throw new ApiError({ status: 409, reason: 'SESSION_EXISTS' });
      sessions[userId] = [];
      return { ...describe(userId), created: true };
    },
    list: async () => ({ sessions: Object.keys(sessions).map(describe), count: Object.keys(sessions).length }),
    session: async (userId) => describe(userId),
    history: async (userId, { limit, before = Infinity, after = 0 }) => {
      describe(userId);
      const within = stored(userId).filter(({ seq }) => seq < before && seq > after);
      return { messages: after ? within.slice(0, limit) : within.slice(-limit), has_more: within.length > limit };
    },
    touch: async (userId) => describe(userId),
    remove: async (userId) => {
      describe(userId);
      delete sessions[userId];
    },
    async *send({ userId, content }) {
      describe(userId);
      sessions[userId].push(content);
      yield { type: 'accepted', message: stored(userId).at(-1), session: describe(userId) };
    },
  };
}

function open(sessions = {}, { search = '', map = new Map(), api } = {}) {
  const timers = fakeTimers();
  const storage = createStorage(fakeLocalStorage(map));
  const location = { pathname: '/', search };
  const go = (_, __, address) => (location.search = new URL(address, 'http://x').search);
  const scope = { location, history: { pushState: go, replaceState: go } };
  const told = [];
  let fromOtherTab;
  const chat = createChat({
    makeApi: () => ({ ...service(sessions, timers), ...api }),
    makeTabs: (onChanged) => {
      fromOtherTab = onChanged;
      return { tell: (id) => told.push(id) };
    },
    storage,
    router: createRouter({ scope, storage }),
    timers,
    newId: countingIds(),
    random: () => 0,
  });
  const contents = () => chat.store.state.messages.map(({ content }) => content);
  return { chat, timers, sessions, location, map, told, contents, fromOtherTab: (id) => fromOtherTab(id) };
}

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

test('a reply that streams in is shown as it grows and becomes one stored message', async () => {
  const seen = [];
  const reply = { seq: 2, role: 'assistant', content: 'Hello', timestamp: '2024-10-20T11:00:00Z' };
  const send = async function* () {
    yield { type: 'accepted', message: { seq: 1, role: 'user', content: 'hi', timestamp: '2024-10-20T11:00:00Z' } };
    yield { type: 'delta', text: 'Hel' };
    yield { type: 'delta', text: 'lo' };
    yield { type: 'done', message: reply };
  };
  const { chat, contents } = open({ Ada: [] }, { search: '?session=Ada', api: { send } });
  await chat.start();
  chat.store.watch(['reply'], ({ reply: growing }) => seen.push(growing?.text ?? null));
  await chat.send('hi');
  assert.deepEqual(seen, [null, 'Hel', 'Hello', null]);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('a reply that is cut off keeps its partial text', async () => {
  const send = async function* () {
    yield { type: 'accepted', message: { seq: 1, role: 'user', content: 'hi', timestamp: '2024-10-20T11:00:00Z' } };
    yield { type: 'delta', text: 'Hel' };
    throw new ApiError({ status: 500 });
  };
  const { chat } = open({ Ada: [] }, { search: '?session=Ada', api: { send } });
  await chat.start();
  await chat.send('hi');
  assert.deepEqual([chat.store.state.reply.text, chat.store.state.reply.state], ['Hel', 'cut']);
});
