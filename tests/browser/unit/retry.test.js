// Waiting and trying again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTEMPTS, createPatience, delayMs } from '../../../public/js/core/retry.js';
import { ApiError } from '../../../public/js/core/api-error.js';
import { fakeTimers, settle } from './fakes.js';

const busy = (retryAfterMs = null) => new ApiError({ status: 503, reason: 'STORE_UNAVAILABLE', retryAfterMs });

function patient({ isOnline } = {}) {
  const timers = fakeTimers();
  const waits = [];
  const patience = createPatience({ timers, random: () => 0, isOnline, onWaiting: (waiting) => waits.push(waiting) });
  return { timers, waits, patience };
}

/** A task that fails with these errors in turn and then succeeds. */
function failing(...errors) {
  const task = async () => {
    task.calls += 1;
    const error = errors.shift();
    if (error) throw error;
    return 'done';
  };
  task.calls = 0;
  return task;
}

test('a retry is never sooner than the server asked for, and at most a quarter or five seconds later', () => {
  assert.equal(delayMs(1, 4000, () => 0), 4000);
  assert.equal(delayMs(1, 4000, () => 1), 5000);
  assert.equal(delayMs(1, 60_000, () => 1), 65_000);
});

test('without a wish of the server the wait doubles up to half a minute', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map((attempt) => delayMs(attempt, null, () => 0)), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('the wait is published while it lasts', async () => {
  const { timers, waits, patience } = patient();
  const task = failing(busy(4000));
  const result = patience.run(task);
  await settle();
  assert.deepEqual(waits, [{ kind: 'busy', reason: 'STORE_UNAVAILABLE', until: timers.now() + 4000 }]);
  await timers.advance(3999);
  assert.equal(task.calls, 1);
  await timers.advance(1);
  assert.equal(await result, 'done');
  assert.equal(waits.at(-1), null);
});

test('waking tries at once', async () => {
  const { patience } = patient();
  const task = failing(busy(600_000));
  const result = patience.run(task);
  await settle();
  patience.wake();
  assert.equal(await result, 'done');
});

test('after its attempts are used up the error comes out', async () => {
  const { timers, patience } = patient();
  const task = failing(...Array.from({ length: ATTEMPTS }, () => busy()));
  const result = assert.rejects(patience.run(task), { reason: 'STORE_UNAVAILABLE' });
  await timers.advance(10 * 60_000);
  await result;
  assert.equal(task.calls, ATTEMPTS);
});

test('what a retry cannot help is not tried again', async () => {
  const { patience } = patient();
  const task = failing(new ApiError({ status: 400 }));
  await assert.rejects(patience.run(task), { status: 400 });
  assert.equal(task.calls, 1);
});

test('offline it waits for the connection without using up attempts', async () => {
  let online = false;
  const { timers, patience } = patient({ isOnline: () => online });
  const task = failing(...Array.from({ length: 20 }, () => new ApiError({})));
  const result = patience.run(task);
  await timers.advance(60 * 60_000);
  assert.equal(task.calls, 1);
  for (let i = 0; i < 19; i += 1) {
    patience.wake();
    await settle();
  }
  online = true;
  patience.wake();
  assert.equal(await result, 'done');
});

test('an aborted wait ends at once and leaves no timer behind', async () => {
  const { timers, waits, patience } = patient();
  const leaving = new AbortController();
  const result = assert.rejects(patience.run(failing(busy(4000)), { signal: leaving.signal }), { name: 'AbortError' });
  await settle();
  leaving.abort();
  await result;
  assert.equal(timers.pending, 0);
  assert.equal(waits.at(-1), null);
});

test('a caller that shows the wait itself keeps it from the others', async () => {
  const { timers, waits, patience } = patient();
  const own = [];
  const result = patience.run(failing(busy(4000)), { onWait: (waiting) => own.push(waiting?.kind ?? null) });
  await timers.advance(4000);
  await result;
  assert.deepEqual(own, ['busy', null]);
  assert.deepEqual(waits, []);
});

test('a turn in progress is asked after every five seconds at the latest, and for five minutes', async () => {
  const { timers, patience } = patient();
  const turn = () => new ApiError({ status: 409, reason: 'TURN_IN_PROGRESS', retryAfterMs: 1000 });
  const task = failing(...Array.from({ length: 200 }, turn));
  const result = patience.run(task).catch((error) => error.reason);
  await timers.advance(30_000);
  assert.equal(task.calls, 8);
  await timers.advance(6 * 60_000);
  assert.equal(await result, 'TURN_IN_PROGRESS');
  assert.ok(task.calls < 70);
});
