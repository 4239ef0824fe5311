// Retries: delays, attempts, and the published wait.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { createRetrier, delayMs, HEARTBEAT_MS, MAX_ATTEMPTS } from '../../../public/js/core/retry.js';
import { fakeTimers, settle } from './fakes.js';

const busy = (retryAfterMs = null) => new ApiError({ status: 503, reason: 'STORE_UNAVAILABLE', retryAfterMs });

function setUp({ isOnline } = {}) {
  const timers = fakeTimers();
  const waits = [];
  const retrier = createRetrier({ timers, random: () => 0, isOnline, onWaitChange: (wait) => waits.push(wait) });
  return { timers, waits, retrier };
}

/** Creates a call that fails with these errors in turn and then succeeds. */
function failing(...errors) {
  const call = async () => {
    call.calls += 1;
    const error = errors.shift();
    if (error) throw error;
    return 'done';
  };
  call.calls = 0;
  return call;
}

test('a retry is never sooner than the server requests, and at most a quarter or five seconds later', () => {
  assert.equal(
    delayMs(1, 4000, () => 0),
    4000,
  );
  assert.equal(
    delayMs(1, 4000, () => 1),
    5000,
  );
  assert.equal(
    delayMs(1, 60_000, () => 1),
    65_000,
  );
});

test('without a request of the server the delay doubles up to half a minute', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7].map((attempt) => delayMs(attempt, null, () => 0)),
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
  );
});

test('the wait is published while it lasts', async () => {
  const { timers, waits, retrier } = setUp();
  const call = failing(busy(4000));
  const result = retrier.run(call);
  await settle();
  assert.deepEqual(waits, [{ kind: 'busy', reason: 'STORE_UNAVAILABLE', until: timers.now() + 4000 }]);
  await timers.advance(3999);
  assert.equal(call.calls, 1);
  await timers.advance(1);
  assert.equal(await result, 'done');
  assert.equal(waits.at(-1), null);
});

test('retryNow retries immediately', async () => {
  const { retrier } = setUp();
  const call = failing(busy(600_000));
  const result = retrier.run(call);
  await settle();
  retrier.retryNow();
  assert.equal(await result, 'done');
});

test('after its attempts, a call is retried at the heartbeat until it succeeds', async () => {
  const { timers, retrier } = setUp();
  const call = failing(...Array.from({ length: MAX_ATTEMPTS + 10 }, () => busy()));
  const result = retrier.run(call);
  await timers.advance(31_000);
  assert.equal(call.calls, MAX_ATTEMPTS);
  await timers.advance(HEARTBEAT_MS - 1);
  assert.equal(call.calls, MAX_ATTEMPTS);
  await timers.advance(1);
  assert.equal(call.calls, MAX_ATTEMPTS + 1);
  await timers.advance(10 * HEARTBEAT_MS);
  assert.equal(await result, 'done');
});

test('the heartbeat respects a longer wait that the server requests', async () => {
  const { timers, retrier } = setUp();
  const call = failing(...Array.from({ length: MAX_ATTEMPTS }, () => busy(5 * HEARTBEAT_MS)));
  const result = retrier.run(call);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    assert.equal(call.calls, attempt);
    await timers.advance(5 * HEARTBEAT_MS);
  }
  assert.equal(await result, 'done');
});

test('the return of the user and the success of another call end the pause of the heartbeat only', async () => {
  const { timers, retrier } = setUp();
  const call = failing(...Array.from({ length: MAX_ATTEMPTS + 2 }, () => busy()));
  const result = retrier.run(call);
  await timers.advance(500);
  retrier.onReturn();
  retrier.onSuccess();
  await settle();
  assert.equal(call.calls, 1);
  await timers.advance(30_500);
  assert.equal(call.calls, MAX_ATTEMPTS);
  retrier.onSuccess();
  await settle();
  assert.equal(call.calls, MAX_ATTEMPTS, 'a call can fail while others succeed');
  await timers.advance(4_999);
  assert.equal(call.calls, MAX_ATTEMPTS);
  await timers.advance(1);
  assert.equal(call.calls, MAX_ATTEMPTS + 1);
  retrier.onReturn();
  await settle();
  assert.equal(call.calls, MAX_ATTEMPTS + 2);
  retrier.retryNow();
  assert.equal(await result, 'done');
});

test('a bounded call throws its error after its attempts', async () => {
  const { timers, retrier } = setUp();
  const call = failing(...Array.from({ length: MAX_ATTEMPTS }, () => busy()));
  const result = assert.rejects(retrier.run(call, { isBounded: true }), { reason: 'STORE_UNAVAILABLE' });
  await timers.advance(10 * 60_000);
  await result;
  assert.equal(call.calls, MAX_ATTEMPTS);
});

test('a permanent error is not retried', async () => {
  const { retrier } = setUp();
  const call = failing(new ApiError({ status: 400 }));
  await assert.rejects(retrier.run(call), { status: 400 });
  assert.equal(call.calls, 1);
});

test('while offline, attempts do not count', async () => {
  let online = false;
  const { timers, retrier } = setUp({ isOnline: () => online });
  const call = failing(...Array.from({ length: 20 }, () => new ApiError({})));
  const result = retrier.run(call);
  await timers.advance(HEARTBEAT_MS - 1);
  assert.equal(call.calls, 1);
  // The browser may be wrong.
  await timers.advance(1);
  assert.equal(call.calls, 2);
  for (let i = 0; i < 18; i += 1) {
    retrier.retryNow();
    await settle();
  }
  online = true;
  retrier.retryNow();
  assert.equal(await result, 'done');
});

test('while offline, a wait has no time, also if it has begun before', async () => {
  let online = true;
  const { timers, waits, retrier } = setUp({ isOnline: () => online });
  const own = [];
  const result = [
    retrier.run(failing(busy(4000))),
    retrier.run(failing(busy(4000)), { onWaitChange: (wait) => own.push(wait) }),
  ];
  await settle();
  online = false;
  retrier.onOffline();
  for (const shown of [waits, own]) assert.deepEqual(shown.at(-1), { kind: 'offline', reason: '', until: Infinity });
  await timers.advance(4000);
  assert.deepEqual(await Promise.all(result), ['done', 'done']);
  assert.deepEqual([waits.at(-1), own.at(-1)], [null, null]);
});

test('an aborted wait ends immediately and leaves no timer', async () => {
  const { timers, waits, retrier } = setUp();
  const leaving = new AbortController();
  const result = assert.rejects(retrier.run(failing(busy(4000)), { signal: leaving.signal }), { name: 'AbortError' });
  await settle();
  leaving.abort();
  await result;
  assert.equal(timers.pending, 0);
  assert.equal(waits.at(-1), null);
});

test('a wait that is reported to its caller is not published', async () => {
  const { timers, waits, retrier } = setUp();
  const own = [];
  const result = retrier.run(failing(busy(4000)), { onWaitChange: (wait) => own.push(wait?.kind ?? null) });
  await timers.advance(4000);
  await result;
  assert.deepEqual(own, ['busy', null]);
  assert.deepEqual(waits, []);
});

test('a turn in progress is retried every five seconds at the latest, and after five minutes at the heartbeat', async () => {
  const { timers, retrier } = setUp();
  const turn = () => new ApiError({ status: 409, reason: 'TURN_IN_PROGRESS', retryAfterMs: 1000 });
  const call = failing(...Array.from({ length: 70 }, turn));
  const result = retrier.run(call);
  await timers.advance(30_000);
  assert.equal(call.calls, 8);
  await timers.advance(5 * 60_000);
  const { calls } = call;
  assert.ok(calls < 70);
  await timers.advance(2 * HEARTBEAT_MS);
  assert.equal(call.calls, calls + 2);
  await timers.advance(70 * HEARTBEAT_MS);
  assert.equal(await result, 'done');
});
