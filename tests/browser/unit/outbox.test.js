// The outbox: one request id per message, stored until accepted, sent in order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { createOutbox } from '../../../public/js/core/outbox.js';
import { createRetrier } from '../../../public/js/core/retry.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { createTabs } from '../../../public/js/core/tabs.js';
import { countingIds, fakeLocalStorage, fakeLocks, fakeTimers, settle } from './fakes.js';

const SESSION = { userId: 'Ada', sessionId: 'session_Ada_1' };

/** Creates an outbox. `chat` replaces the API's call; it receives the message and the number of the call. `locks` are those of its tab. */
function setUp(chat, map = new Map(), locks = undefined) {
  const timers = fakeTimers();
  const sent = [];
  const events = [];
  const reached = new Set();
  const api = {
    chat(message, signal) {
      sent.push(message);
      return chat({ ...message, signal }, sent.length);
    },
  };
  const retrier = createRetrier({ timers, random: () => 0, onWaitChange: () => {} });
  const storage = createStorage(fakeLocalStorage(map));
  const onEvent = (entry, event) => {
    events.push(`${entry.requestId} ${event.type}`);
    reached.add(entry.sessionId);
  };
  const untilIdle = async () => {};
  const [newId, tabs] = [countingIds(), createTabs(undefined, locks)];
  const outbox = createOutbox({ api, storage, retrier, timers, newId, tabs, untilIdle, onChange: () => {}, onEvent });
  return { timers, sent, events, reached, map, outbox };
}

/** Returns a call that throws before its first event. */
const throwing = (error) =>
  async function* () {
    yield await Promise.reject(error);
  };

async function* accept({ content }, call) {
  yield { type: 'accepted', message: { seq: call, role: 'user', content } };
}

test('a message is stored before it is sent and removed when it is accepted', async () => {
  const { map, events, outbox } = setUp(accept);
  const sending = outbox.add(SESSION, 'hello');
  assert.match(map.get('nono:outbox:id-1'), /"content":"hello"/);
  await sending;
  assert.equal(map.size, 0);
  assert.deepEqual(events, ['id-1 accepted']);
});

test('a retry after an error keeps the request id', async () => {
  const { timers, sent, outbox } = setUp(async function* (message, call) {
    if (call === 1) throw new ApiError({ status: 503 });
    yield* accept(message, call);
  });
  const sending = outbox.add(SESSION, 'hello');
  await timers.advance(1000);
  await sending;
  assert.deepEqual(
    sent.map(({ requestId }) => requestId),
    ['id-1', 'id-1'],
  );
});

test('a failed message stays stored, and Retry sends it with the same request id', async () => {
  const { sent, map, events, outbox } = setUp(async function* (message, call) {
    if (call === 1) throw new ApiError({ status: 500 });
    yield* accept(message, call);
  });
  await outbox.add(SESSION, 'hello');
  assert.equal(outbox.list('Ada')[0].state, 'failed');
  assert.equal(map.size, 1);
  await outbox.retry('id-1', SESSION);
  assert.deepEqual(outbox.list('Ada'), []);
  assert.deepEqual(events, ['id-1 failed', 'id-1 accepted']);
  assert.equal(sent[0].requestId, sent[1].requestId);
});

test('two messages are sent one after the other', async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const { sent, outbox } = setUp(async function* (message, call) {
    if (call === 1) await held;
    yield* accept(message, call);
  });
  outbox.add(SESSION, 'first');
  const second = outbox.add(SESSION, 'second');
  await settle();
  assert.equal(sent.length, 1);
  release();
  await second;
  assert.deepEqual(
    sent.map(({ content }) => content),
    ['first', 'second'],
  );
});

test('a later visit sends the messages of an earlier one with their request ids', async () => {
  const map = new Map();
  const first = setUp(async function* () {
    await new Promise(() => {});
    yield null;
  }, map);
  first.outbox.add(SESSION, 'hello');
  const next = setUp(accept, map);
  next.outbox.restore(SESSION);
  await settle();
  assert.deepEqual(next.sent, [{ userId: 'Ada', content: 'hello', requestId: 'id-1' }]);
  assert.equal(map.size, 0);
});

test('a later visit sends the messages in the order in which they were written, whatever that of the storage is', async () => {
  const map = new Map();
  const first = setUp(async function* () {
    await new Promise(() => {});
    yield null;
  }, map);
  for (const content of ['one', 'two', 'three']) {
    void first.outbox.add(SESSION, content);
    await first.timers.advance(1);
  }
  const reversed = new Map([...map].reverse());
  const next = setUp(accept, reversed);
  next.outbox.restore(SESSION);
  await settle();
  assert.deepEqual(
    next.sent.map(({ content }) => content),
    ['one', 'two', 'three'],
  );
});

/** Returns a call whose message is accepted once `accepting` is resolved. */
const acceptAfter = (accepting) =>
  async function* (message, call) {
    await accepting;
    yield* accept(message, call);
  };

test('of two tabs that have a message, one sends it, and the other one waits', async () => {
  const [map, locks] = [new Map(), fakeLocks()];
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const first = setUp(acceptAfter(held), map, locks.tab());
  const second = setUp(accept, map, locks.tab());
  void first.outbox.add(SESSION, 'hello');
  second.outbox.restore(SESSION);
  await settle();
  assert.deepEqual([first.sent.length, second.sent.length], [1, 0]);
  release();
  await settle();
  assert.equal(second.timers.pending, 1);
  // Until the second tab sees that the message is removed.
  await first.timers.advance(100);
  assert.deepEqual([second.sent.length, second.outbox.list('Ada')], [0, []]);
});

test('a tab sends the message of another one that is closed, or that does not come to an end', async () => {
  for (const end of [({ tab }) => tab.close(), ({ second }) => second.timers.advance(10_000)]) {
    const [map, locks] = [new Map(), fakeLocks()];
    const tab = locks.tab();
    const first = setUp(acceptAfter(new Promise(() => {})), map, tab);
    const second = setUp(accept, map, locks.tab());
    void first.outbox.add(SESSION, 'hello');
    second.outbox.restore(SESSION);
    await settle();
    assert.equal(second.sent.length, 0);
    await end({ tab, second });
    await settle();
    assert.deepEqual(second.sent, first.sent);
    assert.equal(map.size, 0);
  }
});

test('a message for an earlier session of the same name is not sent automatically', async () => {
  const map = new Map();
  const first = setUp(async function* () {
    await new Promise(() => {});
    yield null;
  }, map);
  first.outbox.add(SESSION, 'hello');
  const next = setUp(accept, map);
  next.outbox.restore({ ...SESSION, sessionId: 'session_Ada_2' });
  await settle();
  assert.equal(next.sent.length, 0);
  assert.equal(next.outbox.list('Ada')[0].state, 'failed');
});

test('a message that waits for a retry when its session ends is not sent to the next session of that name', async () => {
  for (const end of [
    ({ outbox }) => outbox.end('Ada', new ApiError({ status: 404, reason: 'SESSION_NOT_FOUND' })),
    ({ outbox }) => outbox.restore({ ...SESSION, sessionId: 'session_Ada_2' }),
  ]) {
    const page = setUp(throwing(new ApiError({ status: 503 })));
    void page.outbox.add(SESSION, 'hello');
    void page.outbox.add(SESSION, 'behind it');
    await settle();
    end(page);
    assert.deepEqual(
      page.outbox.list('Ada').map(({ state }) => state),
      ['failed', 'failed'],
    );
    await page.timers.advance(60_000);
    assert.deepEqual([page.sent.length, page.map.size, page.timers.pending], [1, 2, 0]);
    assert.deepEqual(page.events, []);
  }
});

test('retarget sends the failed messages to the new session', async () => {
  const { sent, reached, outbox } = setUp(async function* (message, call) {
    if (call === 1) throw new ApiError({ status: 404, reason: 'SESSION_NOT_FOUND' });
    yield* accept(message, call);
  });
  await outbox.add(SESSION, 'hello');
  await outbox.retarget({ ...SESSION, sessionId: 'session_Ada_2' });
  assert.equal(sent.length, 2);
  assert.ok(reached.has('session_Ada_2'));
  assert.deepEqual(outbox.list('Ada'), []);
});

test('discard returns the text, and the message is not sent again', async () => {
  const { map, sent, outbox } = setUp(throwing(new ApiError({ status: 400 })));
  await outbox.add(SESSION, 'hello');
  assert.equal(outbox.discard('id-1'), 'hello');
  await outbox.retry('id-1', SESSION);
  assert.equal(sent.length, 1);
  assert.equal(map.size, 0);
});

test('a waiting message whose session is deleted is not sent to the next session of that name', async () => {
  const { timers, sent, outbox } = setUp(throwing(new ApiError({ status: 503 })));
  outbox.add(SESSION, 'hello');
  await settle();
  outbox.removeAll('Ada');
  await timers.advance(60_000);
  assert.equal(sent.length, 1);
});

test('a stream that breaks after acceptance does not fail the message', async () => {
  const { events, outbox } = setUp(async function* (message, call) {
    yield* accept(message, call);
    yield { type: 'delta', text: 'Hel' };
    throw new ApiError({ status: 500 });
  });
  await outbox.add(SESSION, 'hello');
  assert.deepEqual(events, ['id-1 accepted', 'id-1 delta', 'id-1 cut']);
  assert.deepEqual(outbox.list('Ada'), []);
});

test('after the end of a stream, the next message is sent', async () => {
  const { sent, events, outbox } = setUp(async function* (message, call) {
    yield* accept(message, call);
    if (call === 1)
      await new Promise((_, reject) => message.signal.addEventListener('abort', () => reject(message.signal.reason)));
  });
  const first = outbox.add(SESSION, 'first');
  const second = outbox.add(SESSION, 'second');
  await settle();
  assert.deepEqual([sent.length, outbox.isDelivering('id-1'), outbox.isDelivering('id-2')], [1, true, false]);
  outbox.endStream('id-1');
  await Promise.all([first, second]);
  assert.deepEqual(events, ['id-1 accepted', 'id-2 accepted']);
  assert.equal(outbox.isDelivering('id-1'), false);
});

test('requestReply sends the request id of the message, and stops retrying when the reply is no longer wanted', async () => {
  const { sent, events, timers, outbox } = setUp(throwing(new ApiError({ status: 409, reason: 'TURN_IN_PROGRESS' })));
  let wanted = true;
  const requesting = outbox.requestReply({ ...SESSION, requestId: 'id-7', content: 'hello' }, () => wanted);
  await settle();
  wanted = false;
  await timers.advance(60_000);
  await requesting;
  assert.deepEqual(
    sent.map(({ requestId }) => requestId),
    ['id-7'],
  );
  assert.deepEqual(events, []);
});
