// Stop, which cancels the running turn, and messages that are sent during a turn.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { buildRows } from '../../../public/js/core/message-rows.js';
import { REASONS } from '../../../public/js/core/words/errors.js';
import {
  acceptedEvent,
  apiWithHistory,
  delta,
  doneEvent,
  ended,
  fakeStreams,
  open,
  running,
  snapshot,
  stored,
} from './fake-service.js';
import { settle } from './fakes.js';

/** A service with one session, whose turns end when the test says so. */
function createService() {
  const history = [];
  const sent = [];
  const cancelled = [];
  const streams = fakeStreams();
  let turn = null;
  async function* chat({ requestId, content }, signal) {
    sent.push(content);
    const rejection = service.reject?.();
    if (rejection) throw rejection;
    if (turn && turn.requestId !== requestId) throw new ApiError({ status: 409, reason: 'TURN_IN_PROGRESS' });
    const accepted = acceptedEvent(content, history.length + 1);
    history.push(accepted.message);
    const ending = new Promise((resolve, reject) => {
      turn = { requestId, resolve, reject };
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    yield accepted;
    if (service.text !== '') yield { type: 'delta', text: 'Hel' };
    yield await ending;
  }
  const service = {
    api: { ...apiWithHistory(history), chat, watchSession: streams.watchSession, cancelChat },
    history,
    sent,
    cancelled,
    streams,
    /** Stores the reply and ends the turn. */
    reply(content, finishReason = 'stop') {
      const event = { ...doneEvent(content, history.length + 1), finishReason };
      history.push(event.message);
      turn.resolve(event);
      turn = null;
      return settle();
    },
    fail(problem) {
      turn.reject(problem);
      turn = null;
      return settle();
    },
    /** Stores a message of another client, whose turn is running. */
    occupy(requestId = 'other') {
      history.push(acceptedEvent('from elsewhere', history.length + 1).message);
      turn = { requestId, resolve() {} };
    },
  };
  async function cancelChat(userId, requestId) {
    cancelled.push([userId, requestId]);
    if (service.cancelError) throw service.cancelError;
    if (!turn) return { cancelled: false, message: null };
    if (service.text === '') {
      turn = null;
      return { cancelled: true, message: null };
    }
    const { message } = doneEvent('Hello', history.length + 1);
    history.push(message);
    turn = null;
    return { cancelled: true, message };
  }
  return service;
}

async function openOn(service, { map, turn } = {}) {
  const page = open({ Ada: [] }, { search: '?session=Ada', map, api: service.api });
  await page.chat.start();
  await service.streams.current.send(snapshot(service.history.length, turn));
  const rows = () =>
    buildRows(page.chat.store.state, page.timers.now())
      .filter(({ kind }) => kind === 'message')
      .map(({ content, state }) => `${content}: ${state}`);
  return { ...page, rows };
}

test('Stop cancels the turn with its request id, and keeps the reply as far as it is stored', async () => {
  const service = createService();
  const { chat, rows, timers } = await openOn(service);
  const sending = chat.send('hi');
  await timers.advance(16);
  const stopping = chat.stop();
  assert.deepEqual(rows(), ['hi: stored', 'Hel: stopping']);
  void chat.stop();
  await stopping;
  await sending;
  assert.deepEqual(service.cancelled, [['Ada', 'id-1']]);
  assert.deepEqual(rows(), ['hi: stored', 'Hello: stopped']);
  assert.equal(chat.store.state.turn, null);
});

test('a reply that was stopped elsewhere is marked in the tab that reads its chat stream, and in every other', async () => {
  const service = createService();
  const [first, second] = [await openOn(service), await openOn(service)];
  void first.chat.send('hi');
  await first.timers.advance(16);
  await service.streams.current.send(stored(acceptedEvent('hi')), running(2, 'id-1'), delta(0, 'Hel'));
  assert.deepEqual(second.rows(), ['hi: stored', 'Hel: streaming']);
  await service.reply('Hello', 'cancelled');
  await service.streams.current.send(
    stored(doneEvent('Hello'), 'cancelled'),
    ended('cancelled', { requestId: 'id-1' }),
  );
  for (const { rows } of [first, second]) assert.deepEqual(rows(), ['hi: stored', 'Hello: stopped']);
});

test('Stop in another tab and after a reload cancels the turn too', async () => {
  const service = createService();
  service.occupy('r1');
  const { chat, rows } = await openOn(service);
  await service.streams.current.send(running(2, 'r1'), delta(0, 'Hel'));
  assert.deepEqual(rows(), ['from elsewhere: stored', 'Hel: streaming']);
  await chat.stop();
  assert.deepEqual(service.cancelled, [['Ada', 'r1']]);
  assert.deepEqual(rows(), ['from elsewhere: stored', 'Hello: stopped']);
  await service.streams.current.send(
    delta(3, 'lo'),
    stored(doneEvent('Hello'), 'cancelled'),
    ended('cancelled', { requestId: 'r1' }),
  );
  assert.deepEqual(rows(), ['from elsewhere: stored', 'Hello: stopped']);
});

test('a turn without a request id is cancelled without one', async () => {
  const service = createService();
  service.occupy('');
  const { chat } = await openOn(service);
  await service.streams.current.send(running(2, ''), delta(0, 'Hel'));
  await chat.stop();
  assert.deepEqual(service.cancelled, [['Ada', null]]);
});

test('a turn that is stopped before its reply begins leaves the message, and the reply can be requested, also later', async () => {
  const map = new Map();
  const service = createService();
  service.text = '';
  const { chat, rows } = await openOn(service, { map });
  void chat.send('hi');
  await settle();
  await chat.stop();
  assert.deepEqual(rows(), ['hi: cancelled']);
  const [, row] = buildRows(chat.store.state, 0);
  assert.deepEqual([row.note, row.error, row.retriable], ['The reply was stopped before it began.', undefined, true]);
  const later = await openOn(service, { map });
  assert.deepEqual(later.rows(), ['hi: cancelled']);
  void later.chat.retry('id-1');
  await settle();
  await service.reply('Hello');
  assert.deepEqual(service.sent, ['hi', 'hi']);
});

test('a call to stop that fails is retried with a countdown', async () => {
  const service = createService();
  const { chat, rows, timers } = await openOn(service);
  void chat.send('hi');
  await timers.advance(16);
  service.cancelError = new ApiError({ status: 503, reason: 'STORE_UNAVAILABLE' });
  const stopping = chat.stop();
  await settle();
  assert.equal(chat.store.state.wait.reason, 'STORE_UNAVAILABLE');
  assert.deepEqual(rows(), ['hi: stored', 'Hel: stopping']);
  service.cancelError = null;
  await timers.advance(1_000);
  await stopping;
  assert.equal(service.cancelled.length, 2);
  assert.deepEqual(rows(), ['hi: stored', 'Hello: stopped']);
});

test('a call to stop that is rejected is explained, and the reply goes on', async () => {
  const service = createService();
  const { chat, rows, timers } = await openOn(service);
  void chat.send('hi');
  await timers.advance(16);
  service.cancelError = new ApiError({ status: 500, detail: 'an internal error' });
  await chat.stop();
  assert.equal(chat.store.state.notice, `The reply could not be stopped. ${REASONS.INTERNAL}`);
  assert.deepEqual(rows(), ['hi: stored', 'Hel: streaming']);
});

test('a reply that is complete before it could be stopped is shown whole', async () => {
  const service = createService();
  const { chat, rows, timers } = await openOn(service);
  const sending = chat.send('hi');
  await timers.advance(16);
  service.cancelError = new ApiError({ status: 503 });
  void chat.stop();
  await settle();
  await service.reply('Hello');
  await sending;
  assert.deepEqual(rows(), ['hi: stored', 'Hello: stored']);
  await timers.advance(60_000);
  assert.deepEqual([service.cancelled.length, chat.store.state.notice, chat.store.state.wait], [1, null, null]);
});

test('messages that are sent during a turn are queued, and sent in order', async () => {
  const service = createService();
  const { chat, rows, timers } = await openOn(service);
  void chat.send('one');
  await timers.advance(16);
  void chat.send('two');
  void chat.send('three');
  await settle();
  assert.deepEqual(rows(), ['one: stored', 'Hel: streaming', 'two: queued', 'three: queued']);
  await service.reply('Hello');
  await timers.advance(16);
  assert.deepEqual(service.sent, ['one', 'two']);
  assert.deepEqual(rows(), ['one: stored', 'Hello: stored', 'two: stored', 'Hel: streaming', 'three: queued']);
  await service.reply('Hello');
  await service.reply('Hello');
  assert.deepEqual(service.sent, ['one', 'two', 'three']);
});

test('a message that is sent during the turn of another tab is queued without a call, and sent when the turn ends', async () => {
  const service = createService();
  service.occupy('r1');
  const { chat, rows, timers } = await openOn(service);
  await service.streams.current.send(running(2, 'r1'), delta(0, 'Hel'));
  void chat.send('me too');
  await timers.advance(60_000);
  assert.deepEqual(service.sent, []);
  assert.deepEqual(rows(), ['from elsewhere: stored', 'Hel: streaming', 'me too: queued']);
  await service.reply('Hello');
  await service.streams.current.send(stored(doneEvent('Hello'), 'stop'), ended('done', { requestId: 'r1' }));
  assert.deepEqual(service.sent, ['me too']);
});

test('a message that the service rejects because of a turn is queued without a banner, and sent when the turn ends', async () => {
  const service = createService();
  const { chat, rows, timers } = await openOn(service);
  service.occupy('r1');
  void chat.send('me too');
  await settle();
  assert.deepEqual(rows(), ['me too: queued']);
  await service.streams.current.send(stored(acceptedEvent('from elsewhere')), running(2, 'r1'));
  assert.deepEqual(rows(), ['from elsewhere: stored', ': streaming', 'me too: queued']);
  await service.reply('Hello');
  await service.streams.current.send(stored(doneEvent('Hello'), 'stop'), ended('done', { requestId: 'r1' }));
  await timers.advance(0);
  assert.deepEqual(service.sent, ['me too', 'me too']);
});

for (const [how, end] of [
  ['was stopped', (service, chat) => chat.stop(service)],
  ['failed', (service) => service.fail(new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE' }))],
]) {
  test(`a queued message is sent after a turn that ${how}`, async () => {
    const service = createService();
    const { chat } = await openOn(service);
    void chat.send('one');
    await settle();
    void chat.send('two');
    await settle();
    await end(service, chat);
    await settle();
    assert.deepEqual(service.sent, ['one', 'two']);
  });
}

test('a reply that is requested again is not blocked by a queued message that waits for a retry', async () => {
  const service = createService();
  const { chat, timers } = await openOn(service);
  void chat.send('one');
  await settle();
  let rejections = 1;
  await service.fail(new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE' }));
  assert.equal(chat.store.state.turn.state, 'failed');
  service.reject = () => (rejections -= 1) >= 0 && new ApiError({ status: 503 });
  void chat.send('two');
  await settle();
  void chat.retry('id-1');
  await timers.advance(2_000);
  await service.reply('Hello');
  await timers.advance(10_000);
  assert.deepEqual(service.sent, ['one', 'two', 'two']);
});

test('a queued message survives a reload, and waits for the turn of the previous visit', async () => {
  const map = new Map();
  const service = createService();
  const before = await openOn(service, { map });
  void before.chat.send('one');
  void before.chat.send('two');
  await settle();
  const turn = { seq: 2, requestId: 'id-1', offset: 0, text: 'Hello' };
  const { rows } = await openOn(service, { map, turn });
  assert.deepEqual(rows(), ['one: stored', 'Hello: streaming', 'two: queued']);
  assert.deepEqual(service.sent, ['one']);
});

test('a queued message that is removed is not sent, not even by another tab that has restored it', async () => {
  const map = new Map();
  const service = createService();
  service.occupy('r1');
  const turn = { seq: 2, requestId: 'r1', offset: 0, text: 'Hel' };
  const first = await openOn(service, { map, turn });
  void first.chat.send('never mind');
  await settle();
  const second = await openOn(service, { map, turn });
  const shown = ['from elsewhere: stored', 'Hel: streaming', 'never mind: queued'];
  assert.deepEqual([first.rows(), second.rows()], [shown, shown]);
  first.chat.discard(first.chat.store.state.unsent[0].requestId);
  assert.deepEqual(first.notified, ['session_Ada_1']);
  second.notifyFromOtherTab('session_Ada_1');
  await settle();
  assert.deepEqual([first.rows(), second.rows()], [shown.slice(0, 2), shown.slice(0, 2)]);
  await service.reply('Hello');
  for (const { send } of service.streams.streams)
    await send(stored(doneEvent('Hello'), 'stop'), ended('done', { requestId: 'r1' }));
  for (const { timers } of [first, second]) await timers.advance(60_000);
  assert.deepEqual(
    service.history.map(({ content }) => content),
    ['from elsewhere', 'Hello'],
  );
});
