// Replies that this page hears: streaming, cut off, refused, in the background.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { AT, answered, asked, gate, gone, open } from './fake-service.js';

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
