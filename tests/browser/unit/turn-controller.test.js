// Replies that stream to this tab: complete, broken off, failed, and in the background.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { AT, acceptedEvent, doneEvent, fakeStreams, gate, open, sessionGone, snapshot } from './fake-service.js';

test('a streaming reply is shown frame by frame and becomes one stored message', async () => {
  const seen = [];
  const [first, second] = [gate(), gate()];
  const send = async function* () {
    yield acceptedEvent('hi');
    yield { type: 'delta', text: 'Hel' };
    yield { type: 'delta', text: 'l' };
    await first.opened;
    yield { type: 'delta', text: 'o' };
    await second.opened;
    yield doneEvent('Hello');
  };
  const { chat, contents, timers, notified } = open({ Ada: [] }, { search: '?session=Ada', api: { chat: send } });
  await chat.start();
  chat.store.watch(['turn'], ({ turn }) => seen.push(turn?.text ?? null));
  const sending = chat.send('hi');
  await timers.advance(16);
  first.open();
  await timers.advance(16);
  second.open();
  await sending;
  assert.deepEqual(seen, [null, '', 'Hell', 'Hello', null]);
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.deepEqual(notified, ['session_Ada_1', 'session_Ada_1']);
  assert.equal(chat.store.state.session.messageCount, 2);
});

test('a reply that breaks off keeps its partial text, and Retry requests it with the same request id', async () => {
  const ids = [];
  const send = async function* ({ requestId }) {
    ids.push(requestId);
    yield acceptedEvent('hi');
    if (ids.length === 1) {
      yield { type: 'delta', text: 'Hel' };
      throw new ApiError({ status: 0 });
    }
    yield { type: 'delta', text: 'Hello' };
    yield doneEvent('Hello');
  };
  const feed = fakeStreams();
  const api = { chat: send, watchSession: feed.watchSession };
  const { chat, contents, map } = open({ Ada: [] }, { search: '?session=Ada', api });
  await chat.start();
  await chat.send('hi');
  await feed.current.send(snapshot(1));
  const { text, state, requestId: id } = chat.store.state.turn;
  assert.deepEqual([text, state], ['Hel', 'cut']);
  await chat.retry(id);
  assert.deepEqual(ids, [id, id]);
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.equal(chat.store.state.turn, null);
  assert.deepEqual(
    [...map.keys()].filter((key) => /outbox|turn/.test(key)),
    [],
  );
});

test('an unreachable model leaves the message stored and is not retried automatically', async () => {
  let calls = 0;
  const send = async function* () {
    calls += 1;
    yield acceptedEvent('hi');
    throw new ApiError({
      status: 503,
      reason: 'MODEL_UNAVAILABLE',
      detail: 'the model cannot be reached',
      retryAfterMs: 1,
    });
  };
  const { chat, contents, timers } = open({ Ada: [] }, { search: '?session=Ada', api: { chat: send } });
  await chat.start();
  await chat.send('hi');
  await timers.advance(60_000);
  assert.equal(calls, 1);
  assert.deepEqual(contents(), ['hi']);
  assert.equal(chat.store.state.turn.state, 'failed');
  assert.equal(chat.store.state.wait, null);
});

test('a reply continues in the background while another session is open, and is shown on return', async () => {
  const [half, rest] = [gate(), gate()];
  const sessions = { Ada: [], Grace: ['g'] };
  const send = async function* () {
    sessions.Ada.push('hi');
    yield acceptedEvent('hi');
    yield { type: 'delta', text: 'Hel' };
    await half.opened;
    yield { type: 'delta', text: 'lo' };
    await rest.opened;
    yield doneEvent('Hello');
  };
  const { chat, contents, timers } = open(sessions, { search: '?session=Ada', api: { chat: send } });
  await chat.start();
  const sending = chat.send('hi');
  await chat.openSession('Grace');
  half.open();
  await timers.advance(16);
  assert.deepEqual(contents(), ['g']);
  assert.equal(chat.store.state.turn, null);
  await chat.openSession('Ada');
  assert.deepEqual([chat.store.state.turn.text, chat.store.state.turn.state], ['Hello', 'streaming']);
  rest.open();
  await sending;
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('a session that ends during a reply is shown as ended', async () => {
  const send = async function* () {
    yield acceptedEvent('hi');
    throw sessionGone();
  };
  const { chat } = open({ Ada: [] }, { search: '?session=Ada', api: { chat: send } });
  await chat.start();
  await chat.send('hi');
  assert.equal(chat.store.state.view, 'gone');
  assert.equal(chat.store.state.turn, null);
});

test('an accepted message and its reply extend the session without another call', async () => {
  const send = async function* () {
    yield acceptedEvent('hi');
    yield doneEvent('Hello');
  };
  const getConfig = async () => ({ sessionTtlSeconds: 7200 });
  const { chat } = open({ Ada: [] }, { search: '?session=Ada', api: { chat: send, getConfig } });
  await chat.start();
  await chat.send('hi');
  assert.equal(Date.parse(chat.store.state.session.expiresAt) - Date.parse(AT), 7_200_000);
});
