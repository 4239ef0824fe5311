// Replies that do not stream to this tab: after a reload, after a stop, or requested by another tab.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { AT, acceptedEvent, apiWithHistory, doneEvent, open } from './fake-service.js';
import { settle } from './fakes.js';

test('a stopped reply stops growing, and is shown whole once it is stored', async () => {
  const history = [];
  const send = async function* (_, signal) {
    history.push(acceptedEvent('hi').message);
    yield acceptedEvent('hi');
    yield { type: 'delta', text: 'Hel' };
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const { chat, contents, timers } = open(
    { Ada: [] },
    { search: '?session=Ada', api: apiWithHistory(history, { chat: send }) },
  );
  await chat.start();
  const sending = chat.send('hi');
  await timers.advance(16);
  chat.stop();
  await sending;
  assert.deepEqual([chat.store.state.turn.state, chat.store.state.turn.text], ['stopped', 'Hel']);
  await timers.advance(1_000);
  assert.deepEqual(contents(), ['hi']);
  history.push(doneEvent('Hello').message);
  await timers.advance(2_000);
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.equal(chat.store.state.turn, null);
  assert.equal(timers.pending, 0);
});

test('after a reload during a reply, the reply is shown once it is stored', async () => {
  const map = new Map();
  const history = [acceptedEvent('hi').message];
  const send = async function* () {
    yield acceptedEvent('hi');
    await new Promise(() => {});
  };
  const before = open({ Ada: [] }, { search: '?session=Ada', map, api: { chat: send } });
  await before.chat.start();
  void before.chat.send('hi');
  await settle();
  const { chat, contents, timers } = open({}, { search: '?session=Ada', map, api: apiWithHistory(history) });
  await chat.start();
  assert.equal(chat.store.state.turn.state, 'waiting');
  await timers.advance(3_000);
  history.push(doneEvent('Hello').message);
  await timers.advance(4_000);
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.equal(chat.store.state.turn, null);
});

test('polling for a reply that never comes ends, and the reply can be requested again', async () => {
  const map = new Map([
    [
      'nono:turn:id-9',
      JSON.stringify({
        request_id: 'id-9',
        user_id: 'Ada',
        session_id: 'session_Ada_1',
        content: 'hi',
        seq: 1,
        accepted_at: Date.parse(AT),
      }),
    ],
  ]);
  const ids = [];
  const send = async function* ({ requestId, content }) {
    ids.push(requestId, content);
    yield acceptedEvent('hi');
    yield doneEvent('Hello');
  };
  const { chat, contents, timers } = open(
    {},
    { search: '?session=Ada', map, api: apiWithHistory([acceptedEvent('hi').message], { chat: send }) },
  );
  await chat.start();
  await timers.advance(10 * 60_000);
  assert.equal(timers.pending, 0);
  assert.equal(chat.store.state.turn.state, 'cut');
  await chat.retry('id-9');
  assert.deepEqual(ids, ['id-9', 'hi']);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('a message after a stopped reply waits, and is sent when the reply is stored', async () => {
  const history = [];
  let calls = 0;
  const send = async function* ({ content }, signal) {
    calls += 1;
    if (calls === 1) {
      history.push(acceptedEvent('hi').message);
      yield acceptedEvent('hi');
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    if (history.length < 2) throw new ApiError({ status: 409, reason: 'TURN_IN_PROGRESS', retryAfterMs: 60_000 });
    history.push(acceptedEvent(content, 3).message);
    yield acceptedEvent(content, 3);
    history.push(doneEvent('Right', 4).message);
    yield doneEvent('Right', 4);
  };
  const { chat, contents, timers } = open(
    { Ada: [] },
    { search: '?session=Ada', api: apiWithHistory(history, { chat: send }) },
  );
  await chat.start();
  void chat.send('hi');
  await settle();
  chat.stop();
  void chat.send('and?');
  await settle();
  assert.equal(chat.store.state.wait.reason, 'TURN_IN_PROGRESS');
  history.push(doneEvent('Hello').message);
  await timers.advance(1_000);
  assert.deepEqual(contents(), ['hi', 'Hello', 'and?', 'Right']);
  assert.equal(chat.store.state.wait, null);
});

/** Creates a service whose model is unreachable until `repair` is called. */
function withUnreachableModel(history) {
  let repaired = false;
  const send = async function* () {
    if (history.length === 0) history.push(acceptedEvent('hi').message);
    yield acceptedEvent('hi');
    if (!repaired)
      throw new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached' });
    history.push(doneEvent('Hello').message);
    yield doneEvent('Hello');
  };
  return { api: apiWithHistory(history, { chat: send }), repair: () => (repaired = true) };
}

test('the error of a reply is known after a reload, and the reply can still be requested', async () => {
  const map = new Map();
  const service = withUnreachableModel([]);
  const before = open({ Ada: [] }, { search: '?session=Ada', map, api: service.api });
  await before.chat.start();
  await before.chat.send('hi');
  const { chat, contents, timers } = open({}, { search: '?session=Ada', map, api: service.api });
  await chat.start();
  assert.equal(chat.store.state.turn.state, 'failed');
  assert.equal(chat.store.state.turn.problem.explanation, 'The model cannot be reached.');
  assert.equal(timers.pending, 0);
  service.repair();
  await chat.retry(chat.store.state.turn.requestId);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('another tab shows that a reply failed, and that it was requested again', async () => {
  const map = new Map();
  const service = withUnreachableModel([]);
  const [first, second] = [0, 1].map(() => open({ Ada: [] }, { search: '?session=Ada', map, api: service.api }));
  await first.chat.start();
  await second.chat.start();
  await first.chat.send('hi');
  second.notifyFromOtherTab('session_Ada_1');
  await settle();
  assert.equal(second.chat.store.state.turn.state, 'failed');
  service.repair();
  await second.chat.retry(second.chat.store.state.turn.requestId);
  assert.deepEqual(second.contents(), ['hi', 'Hello']);
  first.notifyFromOtherTab('session_Ada_1');
  await settle();
  assert.deepEqual(first.contents(), ['hi', 'Hello']);
  assert.equal(first.chat.store.state.turn, null);
});

test('another tab shows a reply within a second after it is stored, without a notification', async () => {
  const history = [acceptedEvent('hi').message];
  const stored = {
    request_id: 'id-9',
    user_id: 'Ada',
    session_id: 'session_Ada_1',
    content: 'hi',
    seq: 1,
    accepted_at: Date.parse(AT),
  };
  const map = new Map([['nono:turn:id-9', JSON.stringify(stored)]]);
  const { chat, contents, timers } = open({}, { search: '?session=Ada', map, api: apiWithHistory(history) });
  await chat.start();
  await timers.advance(20_300);
  assert.equal(chat.store.state.turn.state, 'waiting');
  history.push(doneEvent('Hello').message);
  await timers.advance(1_000);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('polling slows down after a minute', async () => {
  let polls = 0;
  const api = apiWithHistory([acceptedEvent('hi').message]);
  const getSession = async (userId) => {
    polls += 1;
    return api.getSession(userId);
  };
  const stored = {
    request_id: 'id-9',
    user_id: 'Ada',
    session_id: 'session_Ada_1',
    content: 'hi',
    seq: 1,
    accepted_at: Date.parse(AT),
  };
  const map = new Map([['nono:turn:id-9', JSON.stringify(stored)]]);
  const { chat, timers } = open({}, { search: '?session=Ada', map, api: { ...api, getSession } });
  await chat.start();
  await timers.advance(60_000);
  const first = polls;
  await timers.advance(4 * 60_000);
  assert.ok(first > 60 && polls - first < 40, `${first} and ${polls - first}`);
});
