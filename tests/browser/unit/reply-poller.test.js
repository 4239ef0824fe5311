// Replies that this page does not hear itself: after a refresh, a stop, or from another tab.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { AT, answered, asked, open, storedBy } from './fake-service.js';
import { settle } from './fakes.js';

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

/** A service whose model cannot be reached, until `mend` is called. */
function broken(history) {
  let mended = false;
  const send = async function* () {
    if (history.length === 0) history.push(asked('hi').message);
    yield asked('hi');
    if (!mended) throw new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached' });
    history.push(answered('Hello').message);
    yield answered('Hello');
  };
  return { api: storedBy(history, { send }), mend: () => (mended = true) };
}

test('why a reply failed is known after a reload, too, and it can still be asked for', async () => {
  const map = new Map();
  const service = broken([]);
  const before = open({ Ada: [] }, { search: '?session=Ada', map, api: service.api });
  await before.chat.start();
  await before.chat.send('hi');
  const { chat, contents, timers } = open({}, { search: '?session=Ada', map, api: service.api });
  await chat.start();
  assert.equal(chat.store.state.reply.state, 'failed');
  assert.equal(chat.store.state.reply.problem.explanation, 'The model cannot be reached.');
  assert.equal(timers.pending, 0);
  service.mend();
  await chat.retry(chat.store.state.reply.request_id);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('a tab that did not ask sees that a reply failed, and that it was asked for again', async () => {
  const map = new Map();
  const service = broken([]);
  const [first, second] = [0, 1].map(() => open({ Ada: [] }, { search: '?session=Ada', map, api: service.api }));
  await first.chat.start();
  await second.chat.start();
  await first.chat.send('hi');
  second.fromOtherTab('session_Ada_1');
  await settle();
  assert.equal(second.chat.store.state.reply.state, 'failed');
  service.mend();
  await second.chat.retry(second.chat.store.state.reply.request_id);
  assert.deepEqual(second.contents(), ['hi', 'Hello']);
  first.fromOtherTab('session_Ada_1');
  await settle();
  assert.deepEqual(first.contents(), ['hi', 'Hello']);
  assert.equal(first.chat.store.state.reply, null);
});

test('a tab that did not ask shows the reply within a second of its being stored, with nobody there to tell', async () => {
  const history = [asked('hi').message];
  const stored = { request_id: 'id-9', user_id: 'Ada', session_id: 'session_Ada_1', content: 'hi', seq: 1, accepted_at: Date.parse(AT) };
  const map = new Map([['nono:turn:id-9', JSON.stringify(stored)]]);
  const { chat, contents, timers } = open({}, { search: '?session=Ada', map, api: storedBy(history) });
  await chat.start();
  await timers.advance(20_300);
  assert.equal(chat.store.state.reply.state, 'waiting');
  history.push(answered('Hello').message);
  await timers.advance(1_000);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('looking grows gentler: a reply that does not come within a minute is not asked after each second', async () => {
  let looks = 0;
  const api = storedBy([asked('hi').message]);
  const count = async (userId) => ((looks += 1), api.session(userId));
  const stored = { request_id: 'id-9', user_id: 'Ada', session_id: 'session_Ada_1', content: 'hi', seq: 1, accepted_at: Date.parse(AT) };
  const map = new Map([['nono:turn:id-9', JSON.stringify(stored)]]);
  const { chat, timers } = open({}, { search: '?session=Ada', map, api: { ...api, session: count } });
  await chat.start();
  await timers.advance(60_000);
  const first = looks;
  await timers.advance(4 * 60_000);
  assert.ok(first > 60 && looks - first < 40, `${first} and ${looks - first}`);
});
