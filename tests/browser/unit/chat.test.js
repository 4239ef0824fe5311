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

const AT = '2024-10-20T12:00:00Z';
const asked = (content, seq = 1) => ({ type: 'accepted', message: { seq, role: 'user', content, timestamp: AT }, replayed: false });
const answered = (content, seq = 2) => ({ type: 'done', message: { seq, role: 'assistant', content, timestamp: AT }, finish_reason: 'stop' });

/** Holds a generator at a point until it is opened. */
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

/** A service that also stores whole messages: `history` is what it has of Ada. */
function storedBy(history, more) {
  return {
    session: async (userId) => ({ user_id: userId, session_id: `session_${userId}_1`, persona: 'default', message_count: history.length }),
    history: async (_, { after = 0 }) => ({ messages: history.filter(({ seq }) => seq > after), has_more: false }),
    ...more,
  };
}

test('a reply that streams in is shown frame by frame and becomes one stored message', async () => {
  const seen = [];
  const [first, second] = [gate(), gate()];
  const send = async function* () {
    yield asked('hi');
    yield { type: 'delta', text: 'Hel' };
    yield { type: 'delta', text: 'l' };
    await first.opened;
    yield { type: 'delta', text: 'o' };
    await second.opened;
    yield answered('Hello');
  };
  const { chat, contents, timers, told } = open({ Ada: [] }, { search: '?session=Ada', api: { send } });
  await chat.start();
  chat.store.watch(['reply'], ({ reply }) => seen.push(reply?.text ?? null));
  const sending = chat.send('hi');
  await timers.advance(16);
  first.open();
  await timers.advance(16);
  second.open();
  await sending;
  assert.deepEqual(seen, [null, '', 'Hell', 'Hello', null]);
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.deepEqual(told, ['session_Ada_1', 'session_Ada_1']);
  assert.equal(chat.store.state.session.message_count, 2);
});

test('a reply that is cut off keeps its partial text, and Retry asks for it with the same request id', async () => {
  const ids = [];
  const send = async function* ({ requestId }) {
    ids.push(requestId);
    yield asked('hi');
    if (ids.length === 1) {
      yield { type: 'delta', text: 'Hel' };
      throw new ApiError({ status: 0 });
    }
    yield { type: 'delta', text: 'Hello' };
    yield answered('Hello');
  };
  const { chat, contents, map } = open({ Ada: [] }, { search: '?session=Ada', api: { send } });
  await chat.start();
  await chat.send('hi');
  const { text, state, request_id: id } = chat.store.state.reply;
  assert.deepEqual([text, state], ['Hel', 'cut']);
  await chat.retry(id);
  assert.deepEqual(ids, [id, id]);
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.equal(chat.store.state.reply, null);
  assert.deepEqual([...map.keys()].filter((key) => /outbox|turn/.test(key)), []);
});

test('a model that cannot be reached leaves the message stored and is not asked again unbidden', async () => {
  let calls = 0;
  const send = async function* () {
    calls += 1;
    yield asked('hi');
    throw new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached', retryAfterMs: 1 });
  };
  const { chat, contents, timers } = open({ Ada: [] }, { search: '?session=Ada', api: { send } });
  await chat.start();
  await chat.send('hi');
  await timers.advance(60_000);
  assert.equal(calls, 1);
  assert.deepEqual(contents(), ['hi']);
  assert.equal(chat.store.state.reply.state, 'failed');
  assert.equal(chat.store.state.waiting, null);
});

test('a stopped reply is shown no further, and whole once it is stored', async () => {
  const history = [];
  const send = async function* (_, signal) {
    history.push(asked('hi').message);
    yield asked('hi');
    yield { type: 'delta', text: 'Hel' };
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const { chat, contents, timers } = open({ Ada: [] }, { search: '?session=Ada', api: storedBy(history, { send }) });
  await chat.start();
  const sending = chat.send('hi');
  await timers.advance(16);
  chat.stop();
  await sending;
  assert.deepEqual([chat.store.state.reply.state, chat.store.state.reply.text], ['stopped', 'Hel']);
  await timers.advance(1_000);
  assert.deepEqual(contents(), ['hi']);
  history.push(answered('Hello').message);
  await timers.advance(2_000);
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.equal(chat.store.state.reply, null);
  assert.equal(timers.pending, 0);
});

test('a refresh in mid-reply waits for the reply and shows it once it is stored', async () => {
  const map = new Map();
  const history = [asked('hi').message];
  const send = async function* () {
    yield asked('hi');
    await new Promise(() => {});
  };
  const before = open({ Ada: [] }, { search: '?session=Ada', map, api: { send } });
  await before.chat.start();
  void before.chat.send('hi');
  await settle();
  const { chat, contents, timers } = open({}, { search: '?session=Ada', map, api: storedBy(history) });
  await chat.start();
  assert.equal(chat.store.state.reply.state, 'waiting');
  await timers.advance(3_000);
  history.push(answered('Hello').message);
  await timers.advance(4_000);
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.equal(chat.store.state.reply, null);
});

test('who waits for a reply that never comes may ask again, and the looking ends', async () => {
  const map = new Map([['nono:turn:id-9', JSON.stringify({ request_id: 'id-9', user_id: 'Ada', session_id: 'session_Ada_1', content: 'hi', seq: 1, accepted_at: Date.parse(AT) })]]);
  const ids = [];
  const send = async function* ({ requestId, content }) {
    ids.push(requestId, content);
    yield asked('hi');
    yield answered('Hello');
  };
  const { chat, contents, timers } = open({}, { search: '?session=Ada', map, api: storedBy([asked('hi').message], { send }) });
  await chat.start();
  await timers.advance(10 * 60_000);
  assert.equal(timers.pending, 0);
  assert.equal(chat.store.state.reply.state, 'cut');
  await chat.retry('id-9');
  assert.deepEqual(ids, ['id-9', 'hi']);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('a reply goes on in the background while another session is open, and is there on return', async () => {
  const [half, rest] = [gate(), gate()];
  const sessions = { Ada: [], Grace: ['g'] };
  const send = async function* () {
    sessions.Ada.push('hi');
    yield asked('hi');
    yield { type: 'delta', text: 'Hel' };
    await half.opened;
    yield { type: 'delta', text: 'lo' };
    await rest.opened;
    yield answered('Hello');
  };
  const { chat, contents, timers } = open(sessions, { search: '?session=Ada', api: { send } });
  await chat.start();
  const sending = chat.send('hi');
  await chat.open('Grace');
  half.open();
  await timers.advance(16);
  assert.deepEqual(contents(), ['g']);
  assert.equal(chat.store.state.reply, null);
  await chat.open('Ada');
  assert.deepEqual([chat.store.state.reply.text, chat.store.state.reply.state], ['Hello', 'streaming']);
  rest.open();
  await sending;
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('a message after a stopped reply waits for its turn and goes out when the reply is stored', async () => {
  const history = [];
  let calls = 0;
  const send = async function* ({ content }, signal) {
    calls += 1;
    if (calls === 1) {
      history.push(asked('hi').message);
      yield asked('hi');
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    if (history.length < 2) throw new ApiError({ status: 409, reason: 'TURN_IN_PROGRESS', retryAfterMs: 60_000 });
    history.push(asked(content, 3).message);
    yield asked(content, 3);
    history.push(answered('Right', 4).message);
    yield answered('Right', 4);
  };
  const { chat, contents, timers } = open({ Ada: [] }, { search: '?session=Ada', api: storedBy(history, { send }) });
  await chat.start();
  void chat.send('hi');
  await settle();
  chat.stop();
  void chat.send('and?');
  await settle();
  assert.equal(chat.store.state.waiting.reason, 'TURN_IN_PROGRESS');
  history.push(answered('Hello').message);
  await timers.advance(1_000);
  assert.deepEqual(contents(), ['hi', 'Hello', 'and?', 'Right']);
  assert.equal(chat.store.state.waiting, null);
});

test('a session that ends in mid-reply is announced as ended', async () => {
  const send = async function* () {
    yield asked('hi');
    throw gone();
  };
  const { chat } = open({ Ada: [] }, { search: '?session=Ada', api: { send } });
  await chat.start();
  await chat.send('hi');
  assert.equal(chat.store.state.view, 'gone');
  assert.equal(chat.store.state.reply, null);
});

test('an accepted message and its reply start the time of the session anew without another call', async () => {
  const send = async function* () {
    yield asked('hi');
    yield answered('Hello');
  };
  const config = async () => ({ session_ttl_seconds: 7200 });
  const { chat } = open({ Ada: [] }, { search: '?session=Ada', api: { send, config } });
  await chat.start();
  await chat.send('hi');
  assert.equal(Date.parse(chat.store.state.session.expires_at) - Date.parse(AT), 7_200_000);
});
