// The expiry of a session by the server's clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createExpiryTimer, createServerClock } from '../../../public/js/core/expiry.js';
import { fakeTimers } from './fakes.js';

function setUp({ serverAheadMs = 0 } = {}) {
  const timers = fakeTimers();
  const clock = createServerClock(timers);
  clock.observe(timers.now() + serverAheadMs);
  const remaining = [];
  let expirations = 0;
  const expiry = createExpiryTimer({
    clock,
    timers,
    onRemaining: (ms) => remaining.push(ms),
    onExpired: () => (expirations += 1),
  });
  const inMs = (ms) => new Date(clock.now() + ms).toISOString();
  return { timers, clock, remaining, expiry, inMs, expirations: () => expirations };
}

test('nothing is reported before the last two minutes', async () => {
  const { timers, remaining, expiry, inMs } = setUp();
  expiry.start(inMs(3_600_000));
  await timers.advance(3_600_000 - 120_001);
  assert.deepEqual(remaining, [null]);
  await timers.advance(1);
  assert.deepEqual(remaining, [null, 120_000]);
});

test('the last two minutes are reported each second, and then the expiry', async () => {
  const { timers, remaining, expiry, inMs, expirations } = setUp();
  expiry.start(inMs(3000));
  await timers.advance(2999);
  assert.deepEqual(remaining, [3000, 2000, 1000]);
  await timers.advance(1);
  assert.equal(remaining.at(-1), 0);
  assert.equal(expirations(), 0);
  await timers.advance(500);
  assert.equal(expirations(), 1);
});

test('a wrong local clock does not change the remaining time', async () => {
  const { remaining, expiry, inMs } = setUp({ serverAheadMs: 7 * 3_600_000 });
  expiry.start(inMs(60_000));
  assert.deepEqual(remaining, [60_000]);
});

test('a session that was extended restarts the countdown with one timer', async () => {
  const { timers, remaining, expiry, inMs } = setUp();
  expiry.start(inMs(60_000));
  expiry.start(inMs(3_600_000));
  assert.equal(remaining.at(-1), null);
  assert.equal(timers.pending, 1);
  expiry.start(null);
  assert.equal(timers.pending, 0);
});

test('a Date header, which has whole seconds, does not change a clock within the tolerance', () => {
  const { timers, clock } = setUp({ serverAheadMs: 10_000 });
  const before = clock.now();
  clock.observe(timers.now() + 9_200);
  assert.equal(clock.now(), before);
  clock.observe(timers.now() + 20_000);
  assert.equal(clock.now(), before + 10_000);
});
