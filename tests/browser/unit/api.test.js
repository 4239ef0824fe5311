// What goes over the wire, and how refusals are read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../../../public/js/core/api.js';
import { retryAfter } from '../../../public/js/core/problem.js';
import { jsonAnswer, scriptedFetch } from './support.js';

const collect = async (events) => {
  const all = [];
  for await (const event of events) all.push(event);
  return all;
};

async function refusal(answer) {
  const api = createApi({ fetch: scriptedFetch(answer) });
  return api.session('Ada').then(
    () => assert.fail('the call should have been refused'),
    (error) => error,
  );
}

test('a user_id of any letters is one path segment', async () => {
  const fetch = scriptedFetch(jsonAnswer({ messages: [] }));
  await createApi({ fetch }).history('a/b ?ü', { limit: 50, before: 7 });
  assert.equal(fetch.calls[0].url, 'api/session/a%2Fb%20%3F%C3%BC/history?limit=50&before=7');
});

test('create sends only the fields of the contract', async () => {
  const fetch = scriptedFetch(jsonAnswer({}));
  await createApi({ fetch }).create({ userId: 'Ada', persona: 'default', requestId: 'r1' });
  assert.deepEqual(fetch.calls[0].body, { user_id: 'Ada', persona: 'default', if_exists: 'fail', request_id: 'r1' });
});

test('sending yields accepted with the stored message', async () => {
  const message = { seq: 1, role: 'user', content: 'hi' };
  const fetch = scriptedFetch(jsonAnswer({ messages: [message], session: { user_id: 'Ada' }, replayed: false }));
  const events = await collect(createApi({ fetch }).send({ userId: 'Ada', content: 'hi', requestId: 'r1' }));
  assert.deepEqual(events, [{ type: 'accepted', message, session: { user_id: 'Ada' } }]);
  assert.deepEqual(fetch.calls[0].body, { messages: [{ role: 'user', content: 'hi' }], request_id: 'r1' });
});

test('an answer without a body is null', async () => {
  const fetch = scriptedFetch(new Response(null, { status: 204 }));
  assert.equal(await createApi({ fetch }).remove('Ada'), null);
});

test('the Date of an answer is handed on', async () => {
  const seen = [];
  const fetch = scriptedFetch(jsonAnswer({}, { headers: { date: 'Sun, 20 Oct 2024 12:00:00 GMT' } }));
  await createApi({ fetch, onServerTime: (ms) => seen.push(ms) }).config();
  assert.deepEqual(seen, [Date.parse('2024-10-20T12:00:00Z')]);
});

for (const [kind, retryable, status, reason] of [
  ['gone', false, 404, 'SESSION_NOT_FOUND'],
  ['failed', false, 404, ''],
  ['exists', false, 409, 'SESSION_EXISTS'],
  ['busy', true, 409, 'TURN_IN_PROGRESS'],
  ['full', false, 409, 'SESSION_FULL'],
  ['busy', true, 429, 'OVERLOADED'],
  ['busy', true, 503, 'STORE_UNAVAILABLE'],
  ['busy', true, 504, 'DEADLINE_EXCEEDED'],
  ['invalid', false, 400, 'INVALID_ARGUMENT'],
  ['invalid', false, 413, 'INVALID_ARGUMENT'],
  ['forbidden', false, 401, 'UNAUTHENTICATED'],
  ['failed', false, 500, 'INTERNAL'],
]) {
  test(`${status} with ${reason || 'no reason'} is ${kind} and ${retryable ? 'may' : 'may not'} be tried again`, async () => {
    const error = await refusal(jsonAnswer({ status, reason }, { status }));
    assert.equal(error.kind, kind);
    assert.equal(error.retryable, retryable);
  });
}

test('no answer at all is unreachable and may be tried again', async () => {
  const error = await refusal(() => Promise.reject(new TypeError('Failed to fetch')));
  assert.equal(error.kind, 'unreachable');
  assert.equal(error.retryable, true);
});

test('a body that is cut off counts as no answer', async () => {
  const body = new ReadableStream({ start: (stream) => stream.error(new TypeError('terminated')) });
  const error = await refusal(new Response(body, { headers: { 'content-type': 'application/json' } }));
  assert.equal(error.kind, 'unreachable');
});

test("a proxy's error page is a refusal without details", async () => {
  const error = await refusal(new Response('<h1>Bad Gateway</h1>', { status: 502, headers: { 'content-type': 'text/html' } }));
  assert.equal(error.kind, 'busy');
  assert.equal(error.explanation, 'The service is busy.');
});

test('a violation is found by the name of its field, also within a list', async () => {
  const violations = [{ field: 'messages[0].content', description: 'is too long' }];
  const error = await refusal(jsonAnswer({ violations }, { status: 400 }));
  assert.equal(error.violationOf('content'), 'Is too long.');
  assert.equal(error.violationOf('user_id'), null);
});

test('the wait is taken from the problem, else from the header in seconds or as a date', () => {
  const now = Date.parse('2024-10-20T12:00:00Z');
  assert.equal(retryAfter(1500, '9', now), 1500);
  assert.equal(retryAfter(undefined, '9', now), 9000);
  assert.equal(retryAfter(undefined, 'Sun, 20 Oct 2024 12:00:03 GMT', now), 3000);
  assert.equal(retryAfter(undefined, 'Sun, 20 Oct 2024 11:00:00 GMT', now), 0);
  assert.equal(retryAfter(undefined, 'soon', now), null);
  assert.equal(retryAfter(undefined, '999999999', now), 600_000);
});
