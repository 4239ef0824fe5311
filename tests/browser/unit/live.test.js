// The event stream of the open session: when it is open, and that it comes back after every fault.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import {
  acceptedEvent,
  apiWithHistory,
  doneEvent,
  fakeStreams,
  open,
  sessionGone,
  snapshot,
  stored,
} from './fake-service.js';
import { settle } from './fakes.js';

/** Opens a session with one message, whose event streams the test controls. */
async function openWatched({ api = {}, history = [acceptedEvent('hi').message], map } = {}) {
  const feed = fakeStreams();
  const listeners = {};
  const page = { hidden: false, addEventListener: (_, listener) => (listeners.visibilitychange = listener) };
  const browser = {
    addEventListener: (type, listener) => (listeners[type] = listener),
    navigator: { onLine: true },
  };
  const opened = open(
    { Ada: [] },
    { search: '?session=Ada', map, api: { ...apiWithHistory(history), watchSession: feed.watchSession, ...api } },
  );
  opened.chat.listen(browser, page);
  await opened.chat.start();
  const show = (visible) => {
    page.hidden = !visible;
    listeners.visibilitychange();
  };
  return { ...opened, feed, history, listeners, show };
}

test('a message that is stored elsewhere is shown at once, without a call', async () => {
  let calls = 0;
  const history = [acceptedEvent('hi').message];
  const api = apiWithHistory(history);
  const { feed, contents } = await openWatched({
    history,
    api: { getSession: (userId) => api.getSession(userId, (calls += 1)) },
  });
  await feed.current.send(snapshot(1), stored(acceptedEvent('from elsewhere', 2)));
  assert.deepEqual(contents(), ['hi', 'from elsewhere']);
  assert.equal(calls, 1);
});

test('messages between the history and the snapshot are fetched', async () => {
  const { feed, history, contents } = await openWatched();
  history.push(acceptedEvent('missed', 2).message);
  await feed.current.send(snapshot(2));
  assert.deepEqual(contents(), ['hi', 'missed']);
});

test('a stream that breaks is opened again after a second, with the cursor of its last event', async () => {
  const { feed, timers, chat } = await openWatched();
  await feed.current.send({ ...snapshot(1), cursor: 'a' }, { type: 'checkpoint', serverMs: NaN, cursor: 'b' });
  assert.equal(chat.store.state.live, 'on');
  await feed.current.fail();
  assert.equal(chat.store.state.live, 'off');
  await timers.advance(999);
  assert.equal(feed.streams.length, 1);
  await timers.advance(1);
  assert.deepEqual(
    feed.streams.map(({ cursor }) => cursor),
    [null, 'b'],
  );
});

test('attempts never end, and their delays grow to thirty seconds', async () => {
  const { feed, timers } = await openWatched();
  const delays = [];
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const startedMs = timers.now();
    const count = feed.streams.length;
    await feed.current.fail({ status: 503 });
    while (feed.streams.length === count) await timers.advance(500);
    delays.push((timers.now() - startedMs) / 1_000);
  }
  assert.deepEqual(delays.slice(0, 6), [1, 2, 4, 8, 16, 30]);
  assert.deepEqual(new Set(delays.slice(5)), new Set([30]));
});

test('a stream that was open for a while does not count as a failed attempt', async () => {
  const { feed, timers } = await openWatched();
  for (let index = 1; index <= 3; index += 1) {
    await feed.current.send(snapshot(1));
    await timers.advance(6_000);
    await feed.current.fail();
    await timers.advance(1_000);
    assert.equal(feed.streams.length, index + 1);
  }
});

test('the wait that the service requests is respected, in a response and in an error event', async () => {
  const { feed, timers } = await openWatched();
  for (const status of [429, 503]) {
    const count = feed.streams.length;
    await feed.current.fail({ status, reason: 'OVERLOADED', retryAfterMs: 40_000 });
    await timers.advance(39_999);
    assert.equal(feed.streams.length, count);
    await timers.advance(1);
    assert.equal(feed.streams.length, count + 1);
  }
});

test('the focus and the return of the connection open the stream at once', async () => {
  const { feed, listeners, timers, chat } = await openWatched();
  await feed.current.fail({ retryAfterMs: 60_000 });
  listeners.focus();
  await settle();
  assert.equal(feed.streams.length, 2);
  listeners.offline();
  await feed.current.fail();
  await timers.advance(59_000);
  assert.equal(feed.streams.length, 2);
  listeners.online();
  await settle();
  assert.equal(feed.streams.length, 3);
  assert.equal(chat.store.state.view, 'open');
});

test('the return of the connection replaces a stream that the loss has left without a sign', async () => {
  const { feed, listeners } = await openWatched();
  await feed.current.send({ ...snapshot(1), cursor: 'a' });
  listeners.offline();
  listeners.online();
  assert.deepEqual(
    feed.streams.map(({ cursor, isOpen }) => [cursor, isOpen]),
    [
      [null, false],
      ['a', true],
    ],
  );
});

test('without the stream, each attempt fetches new messages, so that a proxy without streams does no harm', async () => {
  const { feed, history, timers, contents } = await openWatched();
  await feed.current.fail({ status: 502 });
  history.push(doneEvent('Hello').message);
  await timers.advance(1_000);
  assert.deepEqual(contents(), ['hi']);
  await feed.current.fail({ status: 502 });
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('a focused page makes no call while the stream is open, and fetches new messages while it is not', async () => {
  const { feed, history, listeners, contents, timers } = await openWatched();
  await feed.current.send(snapshot(1));
  history.push(doneEvent('Hello').message);
  listeners.focus();
  await settle();
  assert.deepEqual(contents(), ['hi']);
  await feed.current.fail();
  listeners.focus();
  await timers.advance(0);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('a hidden page closes the stream after thirty seconds, and catches up from its cursor when it is shown', async () => {
  let calls = 0;
  const history = [acceptedEvent('hi').message];
  const { getHistory } = apiWithHistory(history);
  const { feed, timers, show, contents, chat } = await openWatched({
    history,
    api: { getHistory: (userId, range) => getHistory(userId, range, (calls += 1)) },
  });
  await feed.current.send({ ...snapshot(1), cursor: 'a' });
  show(false);
  await timers.advance(29_999);
  assert.equal(feed.current.isOpen, true);
  show(true);
  await timers.advance(60_000);
  assert.equal(feed.current.isOpen, true);
  show(false);
  await timers.advance(30_000);
  assert.equal(feed.current.isOpen, false);
  assert.equal(chat.store.state.live, 'off');
  await timers.advance(3_600_000);
  assert.equal(feed.streams.length, 1);
  show(true);
  assert.deepEqual([feed.streams.length, feed.current.cursor], [2, 'a']);
  const callsBefore = calls;
  await feed.current.send(snapshot(2), stored(doneEvent('Hello')));
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.equal(calls, callsBefore);
});

for (const reason of ['deleted', 'expired']) {
  test(`a session that was ${reason} elsewhere is shown as ended, and its stream is not opened again`, async () => {
    let isGone = false;
    const history = [acceptedEvent('hi').message];
    const api = apiWithHistory(history);
    const getSession = (userId) => (isGone ? Promise.reject(sessionGone()) : api.getSession(userId));
    const { feed, timers, chat, contents } = await openWatched({ history, api: { getSession } });
    isGone = true;
    await feed.current.send(snapshot(1), { type: 'ended', reason });
    assert.equal(chat.store.state.view, 'gone');
    assert.deepEqual(contents(), ['hi']);
    await timers.advance(600_000);
    assert.equal(feed.streams.length, 1);
  });
}

test('a session that is gone when the stream is opened is shown as ended', async () => {
  const { feed, timers, chat } = await openWatched();
  await feed.current.fail({ status: 404, reason: 'SESSION_NOT_FOUND' });
  assert.equal(chat.store.state.view, 'gone');
  await timers.advance(600_000);
  assert.equal(feed.streams.length, 1);
});

test('a server without event streams is not taken for a session that has ended', async () => {
  const { feed, timers, chat } = await openWatched();
  await feed.current.fail({ status: 404 });
  assert.equal(chat.store.state.view, 'open');
  await timers.advance(1_000);
  assert.equal(feed.streams.length, 2);
});

/** Opens a session that is deleted and created again by `recreate`. */
async function openRecreated() {
  let sessionId = 'session_Ada_1';
  const history = [acceptedEvent('hi').message, doneEvent('Hello').message];
  const getSession = async (userId) => ({ userId, sessionId, persona: 'default', messageCount: history.length });
  const page = await openWatched({ history, api: { getSession } });
  await page.feed.current.send(snapshot(2));
  const recreate = (id = 'session_Ada_2') => {
    sessionId = id;
    history.splice(0, 2, acceptedEvent('new').message);
  };
  return { ...page, recreate };
}

test('a session that was deleted and created again is opened at once', async () => {
  const { feed, chat, contents, recreate } = await openRecreated();
  recreate();
  await feed.current.send({ type: 'ended', reason: 'deleted' });
  assert.equal(chat.store.state.session.sessionId, 'session_Ada_2');
  assert.deepEqual(contents(), ['new']);
  assert.deepEqual([feed.streams.length, feed.current.cursor], [2, null]);
});

test('a session that has ended is opened again once another tab has created it', async () => {
  const { feed, chat, contents, recreate, notifyFromOtherTab } = await openRecreated();
  await feed.current.send({ type: 'ended', reason: 'expired' });
  assert.equal(chat.store.state.view, 'gone');
  recreate();
  notifyFromOtherTab('session_Ada_2');
  await settle();
  assert.deepEqual([chat.store.state.view, contents()], ['open', ['new']]);
});

for (const [how, id] of [
  ['another id', 'session_Ada_2'],
  ['the same id', 'session_Ada_1'],
]) {
  test(`a stream that goes on in a session that was created again with ${how} loads the new one`, async () => {
    const { feed, contents, recreate, timers } = await openRecreated();
    await feed.current.fail();
    recreate(id);
    await timers.advance(1_000);
    await feed.current.send(snapshot(1, null, { session: { sessionId: id }, hasGap: true }));
    assert.deepEqual(contents(), ['new']);
    assert.equal(feed.current.cursor, null);
  });
}

test('messages in a gap that is too long for the stream are fetched', async () => {
  const { feed, contents, history, timers } = await openRecreated();
  await feed.current.fail();
  history.push(acceptedEvent('three', 3).message);
  await timers.advance(1_000);
  await feed.current.send(snapshot(3, null, { hasGap: true }));
  assert.deepEqual(contents(), ['hi', 'Hello', 'three']);
});

test('a cursor that the service does not accept is not sent again', async () => {
  const { feed, timers } = await openWatched();
  await feed.current.send({ ...snapshot(1), cursor: 'a' });
  await feed.current.fail();
  await timers.advance(1_000);
  await feed.current.fail({ status: 400, reason: 'INVALID_ARGUMENT' });
  await timers.advance(2_000);
  assert.deepEqual(
    feed.streams.map(({ cursor }) => cursor),
    [null, 'a', null],
  );
});

test('the stream is closed while signed out, and goes on from its cursor after the login', async () => {
  const { feed, timers, chat, reportAccess } = await openWatched();
  await feed.current.send({ ...snapshot(1), cursor: 'a' });
  reportAccess(new ApiError({ status: 401, reason: 'UNAUTHENTICATED' }));
  assert.equal(feed.current.isOpen, false);
  await timers.advance(600_000);
  assert.equal(feed.streams.length, 1);
  reportAccess(null);
  assert.deepEqual([feed.streams.length, feed.current.cursor], [2, 'a']);
  assert.equal(chat.store.state.view, 'open');
});

test('another session has a stream of its own, without the cursor of the previous one', async () => {
  const { feed, chat } = await openWatched();
  await feed.current.send({ ...snapshot(1), cursor: 'a' });
  await chat.openSession('Grace');
  assert.deepEqual(
    feed.streams.map(({ userId, cursor, isOpen }) => [userId, cursor, isOpen]),
    [
      ['Ada', null, false],
      ['Grace', null, true],
    ],
  );
  await feed.current.send({ ...snapshot(1, null, { session: { userId: 'Grace', sessionId: 'session_Grace_1' } }) });
  await chat.createSession({ userId: 'Alan', requestId: 'r9' });
  assert.deepEqual([feed.current.userId, feed.current.cursor], ['Alan', null]);
});

test('a touch elsewhere ends the warning, and the server announces the end of a shorter lifetime', async () => {
  const { feed, chat, timers } = await openWatched();
  const inMs = (ms) => new Date(timers.now() + ms).toISOString();
  await feed.current.send(snapshot(1), { type: 'expiring', expiresAt: inMs(60_000) });
  assert.equal(chat.store.state.remainingMs, 60_000);
  const { session } = chat.store.state;
  await feed.current.send({ type: 'session', session: { ...session, expiresAt: inMs(3_600_000) } });
  assert.equal(chat.store.state.remainingMs, null);
});

test('checkpoints correct the clock of the server', async () => {
  const { feed, chat, timers } = await openWatched();
  await feed.current.send(snapshot(1), { type: 'checkpoint', serverMs: timers.now() + 90_000 });
  assert.equal(chat.clock.now(), timers.now() + 90_000);
});
