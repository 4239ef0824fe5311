// What goes over the wire, and how refusals are read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../../../public/js/core/api.js';
import { retryAfter } from '../../../public/js/core/api-error.js';
import { eventAnswer, fakeTimers, jsonAnswer, scriptedFetch, settle } from './fakes.js';

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

const say = (type, data) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
const MESSAGE = { seq: 1, role: 'user', content: 'hi' };
const REPLY = { seq: 2, role: 'assistant', content: 'Hello' };
const ACCEPTED = say('accepted', { message: MESSAGE, replayed: false });

/** Everything a send yields, and the error it ends with, if it does. */
async function sending(answer, signal, timers) {
  const fetch = scriptedFetch(answer);
  const events = [];
  try {
    const api = createApi({ fetch, ...(timers ? { timers } : {}) });
    for await (const event of api.send({ userId: 'Ada', content: 'hi', requestId: 'r1' }, signal)) events.push(event);
  } catch (error) {
    return { fetch, events, error };
  }
  return { fetch, events };
}

test('sending yields accepted, the reply as it grows, and done', async () => {
  const answer = [ACCEPTED, ': heartbeat\n\n', say('delta', { text: 'Hel' }), say('delta', { text: 'lo' }), say('done', { message: REPLY, finish_reason: 'stop' })];
  const { events, error, fetch } = await sending(eventAnswer(answer));
  assert.equal(error, undefined);
  assert.deepEqual(events, [
    { type: 'accepted', message: MESSAGE, replayed: false },
    { type: 'delta', text: 'Hel' },
    { type: 'delta', text: 'lo' },
    { type: 'done', message: REPLY, finish_reason: 'stop' },
  ]);
  const [{ url, method, headers, body }] = fetch.calls;
  assert.deepEqual([url, method, headers.accept], ['api/session/Ada/chat', 'POST', 'text/event-stream']);
  assert.deepEqual(body, { message: 'hi', request_id: 'r1' });
});

test('a refusal before the stream is read like any other', async () => {
  const { events, error } = await sending(jsonAnswer({ status: 409, reason: 'TURN_IN_PROGRESS' }, { status: 409, headers: { 'retry-after': '2' } }));
  assert.deepEqual(events, []);
  assert.deepEqual([error.kind, error.reason, error.retryAfterMs], ['busy', 'TURN_IN_PROGRESS', 2000]);
});

test('an error event ends the sending with its problem', async () => {
  const problem = { status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached', retry_after_ms: 5000 };
  const { events, error } = await sending(eventAnswer([ACCEPTED, say('error', problem)]));
  assert.deepEqual(events.map(({ type }) => type), ['accepted']);
  assert.deepEqual([error.status, error.reason, error.retryAfterMs, error.explanation], [503, 'MODEL_UNAVAILABLE', 5000, 'The model cannot be reached.']);
});

for (const [how, answer] of [
  ['ends without done', () => eventAnswer([ACCEPTED, say('delta', { text: 'Hel' })])],
  ['breaks in the middle', () => eventAnswer([ACCEPTED], { error: new TypeError('network error') })],
  ['holds what is not JSON', () => eventAnswer([ACCEPTED, 'event: delta\ndata: {"te\n\n'])],
]) {
  test(`a stream that ${how} counts as no answer`, async () => {
    const { error } = await sending(answer);
    assert.equal(error.kind, 'unreachable');
  });
}

test('an answer that is no event stream is a refusal', async () => {
  const { error } = await sending(new Response('<h1>hello</h1>', { headers: { 'content-type': 'text/html' } }));
  assert.equal(error.kind, 'busy');
});

test('events of a kind that is not known yet are passed over', async () => {
  const { events } = await sending(eventAnswer([ACCEPTED, say('thinking', {}), say('done', { message: REPLY })]));
  assert.deepEqual(events.map(({ type }) => type), ['accepted', 'done']);
});

test('a stream that falls silent is given up, and one with heartbeats is not', async () => {
  const timers = fakeTimers();
  let stream;
  const answer = (_, { signal }) => {
    const body = new ReadableStream({ start: (controller) => (stream = controller) });
    signal.addEventListener('abort', () => stream.error(signal.reason));
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  const result = sending(answer, undefined, timers);
  await timers.advance(0);
  for (let minute = 0; minute < 5; minute += 1) {
    stream.enqueue(new TextEncoder().encode(': still here\n\n'));
    await timers.advance(40_000);
  }
  await timers.advance(10_000);
  assert.equal((await result).error.kind, 'unreachable');
  assert.equal(timers.pending, 0);
});

test('whoever aborts a sending hears the abort, not a fault of the service', async () => {
  const stop = new AbortController();
  const answer = (_, { signal }) => {
    const body = new ReadableStream({ start: (stream) => signal.addEventListener('abort', () => stream.error(signal.reason)) });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  const result = sending(answer, stop.signal);
  await settle();
  stop.abort();
  assert.equal((await result).error.name, 'AbortError');
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
