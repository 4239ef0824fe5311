// The end of a session by the server's clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createExpiry, createServerClock } from '../../../public/js/core/expiry.js';
import { fakeTimers } from './fakes.js';

function watch({ serverAheadMs = 0 } = {}) {
  const timers = fakeTimers();
  const clock = createServerClock(timers);
  clock.observe(timers.now() + serverAheadMs);
  const left = [];
  let overs = 0;
  const expiry = createExpiry({ clock, timers, onLeft: (ms) => left.push(ms), onOver: () => (overs += 1) });
  const inMs = (ms) => new Date(clock.now() + ms).toISOString();
  return { timers, clock, left, expiry, inMs, overs: () => overs };
}

test('nothing is said before the last two minutes', async () => {
  const { timers, left, expiry, inMs } = watch();
  expiry.follow(inMs(3_600_000));
  await timers.advance(3_600_000 - 120_001);
  assert.deepEqual(left, [null]);
  await timers.advance(1);
  assert.deepEqual(left, [null, 120_000]);
});

test('the last two minutes are told second by second, and then that it is over', async () => {
  const { timers, left, expiry, inMs, overs } = watch();
  expiry.follow(inMs(3000));
  await timers.advance(2999);
  assert.deepEqual(left, [3000, 2000, 1000]);
  await timers.advance(1);
  assert.equal(left.at(-1), 0);
  assert.equal(overs(), 0);
  await timers.advance(500);
  assert.equal(overs(), 1);
});

test('a wrong clock on this machine does not matter', async () => {
  const { timers, left, expiry, inMs } = watch({ serverAheadMs: 7 * 3_600_000 });
  expiry.follow(inMs(60_000));
  assert.deepEqual(left, [60_000]);
});

test('a kept session starts the count anew and leaves one timer', async () => {
  const { timers, left, expiry, inMs } = watch();
  expiry.follow(inMs(60_000));
  expiry.follow(inMs(3_600_000));
  assert.equal(left.at(-1), null);
  assert.equal(timers.pending, 1);
  expiry.follow(null);
  assert.equal(timers.pending, 0);
});

test('a Date header, which has whole seconds, does not move a clock that is already right', () => {
  const { timers, clock } = watch({ serverAheadMs: 10_000 });
  const before = clock.now();
  clock.observe(timers.now() + 9_200);
  assert.equal(clock.now(), before);
  clock.observe(timers.now() + 20_000);
  assert.equal(clock.now(), before + 10_000);
});
