// The banners of each state.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { buildBanners } from '../../../public/js/core/banners.js';
import { OPEN_STATE } from './fakes.js';

const UNTIL = Date.parse('2024-10-20T12:00:00Z');
const ids = (state) => buildBanners(state).map(({ id }) => id);

test('an open session without problems has no banner', () => {
  assert.deepEqual(ids(OPEN_STATE), []);
});

test('the offline banner hides the countdown, which would be wrong', () => {
  const wait = { kind: 'unreachable', reason: '', until: UNTIL };
  assert.deepEqual(ids({ ...OPEN_STATE, online: false, wait }), ['offline']);
  assert.deepEqual(ids({ ...OPEN_STATE, wait }), ['waiting']);
});

test('a wait for an overloaded service says that the service is busy', () => {
  const wait = { kind: 'busy', reason: 'OVERLOADED', until: UNTIL };
  const [banner] = buildBanners({ ...OPEN_STATE, wait });
  assert.deepEqual([banner.text, banner.action], ['The service is busy.', 'retryNow']);
});

test('a wait for a running turn has no banner, because its message is queued', () => {
  assert.deepEqual(ids({ ...OPEN_STATE, wait: { kind: 'busy', reason: 'TURN_IN_PROGRESS', until: UNTIL } }), []);
});

test('a session that has ended can be created again under its name', () => {
  const [banner] = buildBanners({ ...OPEN_STATE, view: 'gone' });
  assert.equal(banner.label, 'Start again as Ada');
  assert.equal(banner.action, 'recreateSession');
});

test('a session that has ended says that its messages are deleted, and how long they are kept', () => {
  const config = { sessionTtlSeconds: 3600 };
  const [{ text }] = buildBanners({ ...OPEN_STATE, view: 'gone', config });
  assert.equal(
    text,
    'This session has ended, and its messages are deleted. What you have not sent is safe. ' +
      'Conversations are kept for 1 hour after the last message.',
  );
});

test('an address of which nothing is known says that the session may never have existed', () => {
  const session = { userId: 'Ada', sessionId: '', persona: '' };
  const [banner] = buildBanners({ ...OPEN_STATE, view: 'gone', session, isUnknownAddress: true });
  assert.match(banner.text, /^There is no session of “Ada”: it has ended, or it never existed\./);
  assert.equal(banner.label, 'Start a session as Ada');
  const [ended] = buildBanners({ ...OPEN_STATE, view: 'gone', session });
  assert.match(ended.text, /^This session has ended/);
});

test('the expiry is counted down only while the session is open', () => {
  assert.deepEqual(ids({ ...OPEN_STATE, remainingMs: 90_000 }), ['ending']);
  assert.deepEqual(ids({ ...OPEN_STATE, remainingMs: 90_000, view: 'gone' }), ['gone']);
});

test('a full session has a banner', () => {
  const problem = new ApiError({ status: 409, reason: 'SESSION_FULL' });
  assert.deepEqual(ids({ ...OPEN_STATE, unsent: [{ problem }] }), ['full']);
});
