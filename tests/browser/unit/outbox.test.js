// The way of a message: one request id, stored until accepted, in order, safe to repeat.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOutbox } from '../../../public/js/core/outbox.js';
import { createPatience } from '../../../public/js/core/retry.js';
import { ApiError } from '../../../public/js/core/api-error.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { countingIds, fakeLocalStorage, fakeTimers, settle } from './fakes.js';

const SESSION = { user_id: 'Ada', session_id: 'session_Ada_1' };

/** `send` is an async generator in place of the service; it gets the message and the number of the call. */
function office(send, map = new Map()) {
  const timers = fakeTimers();
  const sent = [];
  const events = [];
  const reached = new Set();
  const api = {
    send(message, signal) {
      sent.push(message);
      return send({ ...message, signal }, sent.length);
    },
  };
  const patience = createPatience({ timers, random: () => 0, onWaiting: () => {} });
  const storage = createStorage(fakeLocalStorage(map));
  const onEvent = (entry, event) => {
    events.push(`${entry.request_id} ${event.type}`);
    reached.add(entry.session_id);
  };
  const outbox = createOutbox({ api, storage, patience, timers, newId: countingIds(), onChange: () => {}, onEvent });
  return { timers, sent, events, reached, map, outbox };
}

async function* accept({ content }, call) {
  yield { type: 'accepted', message: { seq: call, role: 'user', content } };
}

test('a message is stored before it is sent and forgotten when it is accepted', async () => {
  const { map, events, outbox } = office(accept);
  const sending = outbox.add(SESSION, 'hello');
  assert.match(map.get('nono:outbox:id-1'), /"content":"hello"/);
  await sending;
  assert.equal(map.size, 0);
  assert.deepEqual(events, ['id-1 accepted']);
});

test('a retry after a refusal keeps the request id', async () => {
  const { timers, sent, outbox } = office(async function* (message, call) {
    if (call === 1) throw new ApiError({ status: 503 });
    yield* accept(message, call);
  });
  const sending = outbox.add(SESSION, 'hello');
  await timers.advance(1000);
  await sending;
  assert.deepEqual(sent.map(({ requestId }) => requestId), ['id-1', 'id-1']);
});

test('a failed message stays stored, and Retry sends it with the same request id', async () => {
  const { sent, map, events, outbox } = office(async function* (message, call) {
    if (call === 1) throw new ApiError({ status: 500 });
    yield* accept(message, call);
  });
  await outbox.add(SESSION, 'hello');
  assert.equal(outbox.of('Ada')[0].state, 'failed');
  assert.equal(map.size, 1);
  await outbox.retry('id-1', SESSION);
  assert.deepEqual(outbox.of('Ada'), []);
  assert.deepEqual(events, ['id-1 failed', 'id-1 accepted']);
  assert.equal(sent[0].requestId, sent[1].requestId);
});

test('two messages go one after the other', async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const { sent, outbox } = office(async function* (message, call) {
    if (call === 1) await held;
    yield* accept(message, call);
  });
  outbox.add(SESSION, 'first');
  const second = outbox.add(SESSION, 'second');
  await settle();
  assert.equal(sent.length, 1);
  release();
  await second;
  assert.deepEqual(sent.map(({ content }) => content), ['first', 'second']);
});

test('a later visit sends what an earlier one left behind, with its request id', async () => {
  const map = new Map();
  const never = office(async function* () {
    await new Promise(() => {});
    yield null;
  }, map);
  never.outbox.add(SESSION, 'hello');
  const next = office(accept, map);
  next.outbox.restore(SESSION);
  await settle();
  assert.deepEqual(next.sent, [{ userId: 'Ada', content: 'hello', requestId: 'id-1' }]);
  assert.equal(map.size, 0);
});

test('what was meant for an earlier session of the same name is not sent unasked', async () => {
  const map = new Map();
  const first = office(async function* () {
    await new Promise(() => {});
    yield null;
  }, map);
  first.outbox.add(SESSION, 'hello');
  const next = office(accept, map);
  next.outbox.restore({ ...SESSION, session_id: 'session_Ada_2' });
  await settle();
  assert.equal(next.sent.length, 0);
  assert.equal(next.outbox.of('Ada')[0].state, 'failed');
});

test('after a new start the failed messages go to the new session', async () => {
  const { sent, reached, outbox } = office(async function* (message, call) {
    if (call === 1) throw new ApiError({ status: 404, reason: 'SESSION_NOT_FOUND' });
    yield* accept(message, call);
  });
  await outbox.add(SESSION, 'hello');
  await outbox.readdress({ ...SESSION, session_id: 'session_Ada_2' });
  assert.equal(sent.length, 2);
  assert.ok(reached.has('session_Ada_2'));
  assert.deepEqual(outbox.of('Ada'), []);
});

test('a discarded message gives its text back and is not sent again', async () => {
  const { map, sent, outbox } = office(async function* () {
    throw new ApiError({ status: 400 });
    yield null;
  });
  await outbox.add(SESSION, 'hello');
  assert.equal(outbox.discard('id-1'), 'hello');
  await outbox.retry('id-1', SESSION);
  assert.equal(sent.length, 1);
  assert.equal(map.size, 0);
});

test('a message whose session is deleted while it waits is not sent to the next session of that name', async () => {
  const { timers, sent, outbox } = office(async function* () {
    throw new ApiError({ status: 503 });
    yield null;
  });
  outbox.add(SESSION, 'hello');
  await settle();
  outbox.clear('Ada');
  await timers.advance(60_000);
  assert.equal(sent.length, 1);
});

test('a reply that is cut off after acceptance does not make the message fail', async () => {
  const { events, outbox } = office(async function* (message, call) {
    yield* accept(message, call);
    yield { type: 'delta', text: 'Hel' };
    throw new ApiError({ status: 500 });
  });
  await outbox.add(SESSION, 'hello');
  assert.deepEqual(events, ['id-1 accepted', 'id-1 delta', 'id-1 cut']);
  assert.deepEqual(outbox.of('Ada'), []);
});

test('a reply that is stopped ends its stream, and the next message goes out', async () => {
  const { sent, events, outbox } = office(async function* (message, call) {
    yield* accept(message, call);
    if (call === 1) await new Promise((_, reject) => message.signal.addEventListener('abort', () => reject(message.signal.reason)));
  });
  const first = outbox.add(SESSION, 'first');
  const second = outbox.add(SESSION, 'second');
  await settle();
  assert.equal(sent.length, 1);
  outbox.stop('Ada');
  await Promise.all([first, second]);
  assert.deepEqual(events, ['id-1 accepted', 'id-2 accepted']);
});

test('a lost reply is asked for again with the request id of its message, unless nobody wants it any more', async () => {
  const { sent, events, timers, outbox } = office(async function* () {
    throw new ApiError({ status: 409, reason: 'TURN_IN_PROGRESS' });
    yield null;
  });
  let wanted = true;
  const asking = outbox.resume({ ...SESSION, request_id: 'id-7', content: 'hello' }, () => wanted);
  await settle();
  wanted = false;
  await timers.advance(60_000);
  await asking;
  assert.deepEqual(sent.map(({ requestId }) => requestId), ['id-7']);
  assert.deepEqual(events, []);
});
