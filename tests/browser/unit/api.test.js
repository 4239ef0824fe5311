// Requests on the wire, and the mapping of responses and errors.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../../../public/js/core/api.js';
import { parseRetryAfter } from '../../../public/js/core/wire.js';
import { FIELDS, KINDS, REASONS } from '../../../public/js/core/words/errors.js';
import { eventResponse, fakeTimers, jsonResponse, scriptedFetch, settle } from './fakes.js';

/** Returns the error of a call with this response. */
async function errorOf(response) {
  const api = createApi({ fetch: scriptedFetch(response) });
  return api.getSession('Ada').then(
    () => assert.fail('the call should have failed'),
    (error) => error,
  );
}

test('a user id with any characters is one path segment', async () => {
  const fetch = scriptedFetch(jsonResponse({ messages: [] }));
  await createApi({ fetch }).getHistory('a/b ?ü', { limit: 50, before: 7 });
  assert.equal(fetch.calls[0].url, 'api/session/a%2Fb%20%3F%C3%BC/history?limit=50&before=7');
});

test('a reply in a history keeps the reason of its end, if the service sends it', async () => {
  const messages = [
    { seq: 1, role: 'user', content: 'hi' },
    { seq: 2, role: 'assistant', content: 'Hel', finish_reason: 'cancelled' },
  ];
  const page = await createApi({ fetch: scriptedFetch(jsonResponse({ messages })) }).getHistory('Ada', { limit: 50 });
  assert.deepEqual(page.messages, [messages[0], { seq: 2, role: 'assistant', content: 'Hel', finish: 'cancelled' }]);
});

test('createSession sends only the fields of the contract', async () => {
  const fetch = scriptedFetch(jsonResponse({}));
  await createApi({ fetch }).createSession({ userId: 'Ada', persona: 'default', requestId: 'r1' });
  assert.deepEqual(fetch.calls[0].body, { user_id: 'Ada', persona: 'default', if_exists: 'fail', request_id: 'r1' });
});

const sse = (type, data) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
const MESSAGE = { seq: 1, role: 'user', content: 'hi' };
const REPLY = { seq: 2, role: 'assistant', content: 'Hello' };
const ACCEPTED = sse('accepted', { message: MESSAGE, replayed: false });

/** Sends a message and returns its events and its error, if any. */
async function sendMessage(response, signal, timers) {
  const fetch = scriptedFetch(response);
  const events = [];
  try {
    const api = createApi({ fetch, ...(timers ? { timers } : {}) });
    for await (const event of api.chat({ userId: 'Ada', content: 'hi', requestId: 'r1' }, signal)) events.push(event);
  } catch (error) {
    return { fetch, events, error };
  }
  return { fetch, events };
}

test('chat yields accepted, the deltas of the reply, and done', async () => {
  const chunks = [
    ACCEPTED,
    ': heartbeat\n\n',
    sse('delta', { text: 'Hel' }),
    sse('delta', { text: 'lo' }),
    sse('done', { message: REPLY, finish_reason: 'stop' }),
  ];
  const { events, error, fetch } = await sendMessage(eventResponse(chunks));
  assert.equal(error, undefined);
  assert.deepEqual(events, [
    { type: 'accepted', message: MESSAGE, replayed: false },
    { type: 'delta', text: 'Hel' },
    { type: 'delta', text: 'lo' },
    { type: 'done', message: REPLY, finishReason: 'stop' },
  ]);
  const [{ url, method, headers, body }] = fetch.calls;
  assert.deepEqual([url, method, headers.accept], ['api/session/Ada/chat', 'POST', 'text/event-stream']);
  assert.deepEqual(body, { message: 'hi', request_id: 'r1' });
});

test('an error response before the stream is an error like that of any call', async () => {
  const { events, error } = await sendMessage(
    jsonResponse({ status: 409, reason: 'TURN_IN_PROGRESS' }, { status: 409, headers: { 'retry-after': '2' } }),
  );
  assert.deepEqual(events, []);
  assert.deepEqual([error.kind, error.reason, error.retryAfterMs], ['busy', 'TURN_IN_PROGRESS', 2000]);
});

test('an error event throws its problem', async () => {
  const problem = {
    status: 503,
    reason: 'MODEL_UNAVAILABLE',
    detail: 'the model cannot be reached',
    retry_after_ms: 5000,
  };
  const { events, error } = await sendMessage(eventResponse([ACCEPTED, sse('error', problem)]));
  assert.deepEqual(
    events.map(({ type }) => type),
    ['accepted'],
  );
  assert.deepEqual(
    [error.status, error.reason, error.retryAfterMs, error.explanation],
    [503, 'MODEL_UNAVAILABLE', 5000, REASONS.MODEL_UNAVAILABLE],
  );
});

for (const [how, response] of [
  ['ends without done', () => eventResponse([ACCEPTED, sse('delta', { text: 'Hel' })])],
  ['breaks in the middle', () => eventResponse([ACCEPTED], { error: new TypeError('network error') })],
  ['contains invalid JSON', () => eventResponse([ACCEPTED, 'event: delta\ndata: {"te\n\n'])],
]) {
  test(`a stream that ${how} is unreachable`, async () => {
    const { error } = await sendMessage(response);
    assert.equal(error.kind, 'unreachable');
  });
}

test('a response that is not an event stream is an error', async () => {
  const { error } = await sendMessage(new Response('<h1>hello</h1>', { headers: { 'content-type': 'text/html' } }));
  assert.equal(error.kind, 'busy');
});

test('events of an unknown type are ignored', async () => {
  const { events } = await sendMessage(eventResponse([ACCEPTED, sse('thinking', {}), sse('done', { message: REPLY })]));
  assert.deepEqual(
    events.map(({ type }) => type),
    ['accepted', 'done'],
  );
});

test('a stream without heartbeats times out, and one with heartbeats does not', async () => {
  const timers = fakeTimers();
  let stream;
  const response = (_, { signal }) => {
    const body = new ReadableStream({ start: (controller) => (stream = controller) });
    signal.addEventListener('abort', () => stream.error(signal.reason));
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  const result = sendMessage(response, undefined, timers);
  await timers.advance(0);
  for (let minute = 0; minute < 5; minute += 1) {
    stream.enqueue(new TextEncoder().encode(': still here\n\n'));
    await timers.advance(40_000);
  }
  await timers.advance(10_000);
  assert.equal((await result).error.kind, 'unreachable');
  assert.equal(timers.pending, 0);
});

test('an aborted message throws the abort instead of an error of the service', async () => {
  const stop = new AbortController();
  const response = (_, { signal }) => {
    const body = new ReadableStream({
      start: (stream) => signal.addEventListener('abort', () => stream.error(signal.reason)),
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  const result = sendMessage(response, stop.signal);
  await settle();
  stop.abort();
  assert.equal((await result).error.name, 'AbortError');
});

const SESSION = { user_id: 'Ada', session_id: 's1', message_count: 2 };
const TIME = '2024-10-20T12:00:00Z';

/** Reads the event stream of a session, and returns its events and its error, if any. */
async function watch(response, { cursor = null, timers } = {}) {
  const fetch = scriptedFetch(response);
  const events = [];
  try {
    const api = createApi({ fetch, ...(timers ? { timers } : {}) });
    for await (const event of api.watchSession('Ada', cursor)) events.push(event);
  } catch (error) {
    return { fetch, events, error };
  }
  return { fetch, events };
}

test('watchSession yields every event with its cursor, and ends with the session', async () => {
  const turn = { seq: 2, request_id: 'r1' };
  const problem = { status: 503, reason: 'MODEL_UNAVAILABLE' };
  const sent = [
    ['snapshot', { session: SESSION, server_time: TIME, turn: { ...turn, offset: 3, text: 'lo' }, has_gap: true }],
    ['message', { ...REPLY, finish_reason: 'cancelled' }],
    ['message', MESSAGE],
    ['turn', { state: 'failed', ...turn, problem }],
    ['turn', { state: 'running', seq: 4 }],
    ['delta', { seq: 4, offset: 0, text: 'Hel' }],
    ['session', SESSION],
    ['expiring', { expires_at: TIME }],
    ['checkpoint', { server_time: TIME }],
    ['thinking', {}],
    ['ended', { reason: 'deleted' }],
    ['ended', { reason: 'deleted' }],
  ];
  const chunks = sent.map(([type, data], index) => `id: c${index}\n${sse(type, data)}`);
  const { events, error, fetch } = await watch(eventResponse(chunks), { cursor: 'a/b' });
  assert.equal(error, undefined);
  const [{ url, method, headers }] = fetch.calls;
  assert.deepEqual([url, method, headers.accept], ['api/session/Ada/events?cursor=a%2Fb', 'GET', 'text/event-stream']);
  assert.deepEqual(
    events.map(({ type, cursor }) => `${type} ${cursor}`),
    [
      ...['snapshot c0', 'message c1', 'message c2', 'turn c3', 'turn c4', 'delta c5', 'session c6', 'expiring c7'],
      ...['checkpoint c8', 'ended c10'],
    ],
  );
  const [snapshot, reply, message, failed, running, delta, session, expiring, checkpoint, ended] = events.map(
    ({ type, cursor, ...fields }) => fields,
  );
  assert.deepEqual(snapshot.turn, { seq: 2, requestId: 'r1', offset: 3, text: 'lo' });
  assert.deepEqual([snapshot.session.messageCount, snapshot.serverMs, snapshot.hasGap], [2, Date.parse(TIME), true]);
  assert.deepEqual([reply.message, message.message], [{ ...REPLY, finish: 'cancelled' }, MESSAGE]);
  assert.deepEqual([failed.state, failed.requestId, failed.problem.reason], ['failed', 'r1', 'MODEL_UNAVAILABLE']);
  assert.deepEqual(running, { state: 'running', seq: 4, requestId: '', problem: null });
  assert.deepEqual(delta, { seq: 4, offset: 0, text: 'Hel' });
  assert.deepEqual([session.session.userId, expiring, ended], ['Ada', { expiresAt: TIME }, { reason: 'deleted' }]);
  assert.deepEqual(checkpoint, { serverMs: Date.parse(TIME) });
});

test('an error event of an event stream throws its problem with the wait that it requests', async () => {
  const problem = { status: 503, reason: 'STORE_UNAVAILABLE', retry_after_ms: 2_000 };
  const { error } = await watch(eventResponse([sse('error', problem)]));
  assert.deepEqual([error.reason, error.retryAfterMs], ['STORE_UNAVAILABLE', 2_000]);
});

test('an event stream that ends early, or that does not fit the contract, is unreachable', async () => {
  const snapshot = sse('snapshot', { session: SESSION, server_time: TIME });
  for (const chunks of [[], [snapshot], [sse('snapshot', {})], ['event: turn\ndata: {\n\n']])
    assert.equal((await watch(eventResponse(chunks))).error.kind, 'unreachable');
  const { events } = await watch(eventResponse([snapshot]));
  assert.deepEqual([events[0].turn, events[0].hasGap, events[0].cursor], [null, false, '']);
});

test('an event stream that is silent for twenty seconds is unreachable', async () => {
  const timers = fakeTimers();
  let stream;
  const response = (_, { signal }) => {
    const body = new ReadableStream({ start: (controller) => (stream = controller) });
    signal.addEventListener('abort', () => stream.error(signal.reason));
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  const result = watch(response, { timers });
  await timers.advance(0);
  for (let minute = 0; minute < 5; minute += 1) {
    stream.enqueue(new TextEncoder().encode(sse('checkpoint', { server_time: TIME })));
    await timers.advance(19_000);
  }
  await timers.advance(2_000);
  const { events, error } = await result;
  assert.deepEqual([events.length, error.kind, timers.pending], [5, 'unreachable', 0]);
});

test('cancelChat names the turn, or none, and returns the stored part of the reply', async () => {
  const fetch = scriptedFetch(jsonResponse({ cancelled: true, message: REPLY }), jsonResponse({ cancelled: false }));
  const api = createApi({ fetch });
  assert.deepEqual(await api.cancelChat('Ada', 'r1'), { cancelled: true, message: REPLY });
  assert.deepEqual(await api.cancelChat('Ada', null), { cancelled: false, message: null });
  assert.deepEqual(
    fetch.calls.map(({ url, method, body }) => [url, method, body]),
    [
      ['api/session/Ada/chat/cancel', 'POST', { request_id: 'r1' }],
      ['api/session/Ada/chat/cancel', 'POST', {}],
    ],
  );
});

test('a response without a body is null', async () => {
  const fetch = scriptedFetch(new Response(null, { status: 204 }));
  assert.equal(await createApi({ fetch }).deleteSession('Ada'), null);
});

test('the Date header of a response reaches the server clock', async () => {
  const seen = [];
  const fetch = scriptedFetch(jsonResponse({}, { headers: { date: 'Sun, 20 Oct 2024 12:00:00 GMT' } }));
  await createApi({ fetch, onServerTime: (ms) => seen.push(ms) }).getConfig();
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
  ['unauthenticated', false, 401, 'UNAUTHENTICATED'],
  ['forbidden', false, 403, 'PERMISSION_DENIED'],
  ['failed', false, 500, 'INTERNAL'],
]) {
  test(`${status} with ${reason || 'no reason'} is ${kind} and ${retryable ? 'retryable' : 'not retryable'}`, async () => {
    const error = await errorOf(jsonResponse({ status, reason }, { status }));
    assert.equal(error.kind, kind);
    assert.equal(error.retryable, retryable);
  });
}

test('a call without a response is unreachable and retryable', async () => {
  const error = await errorOf(() => Promise.reject(new TypeError('Failed to fetch')));
  assert.equal(error.kind, 'unreachable');
  assert.equal(error.retryable, true);
});

test('a body that breaks off is unreachable', async () => {
  const body = new ReadableStream({ start: (stream) => stream.error(new TypeError('terminated')) });
  const error = await errorOf(new Response(body, { headers: { 'content-type': 'application/json' } }));
  assert.equal(error.kind, 'unreachable');
});

test("a proxy's error page is an error without details", async () => {
  const error = await errorOf(
    new Response('<h1>Bad Gateway</h1>', { status: 502, headers: { 'content-type': 'text/html' } }),
  );
  assert.equal(error.kind, 'busy');
  assert.equal(error.explanation, KINDS.busy);
});

test('a violation is found by the name of its field, also in a nested object', async () => {
  const violations = [{ field: 'messages[0].content', description: 'is too long' }];
  const error = await errorOf(jsonResponse({ violations }, { status: 400 }));
  assert.equal(error.violationOf('content'), FIELDS.get('content'));
  assert.equal(error.violationOf('user_id'), null);
});

test('the requested wait is that of the problem, or else that of the header, in seconds or as a date', () => {
  const now = Date.parse('2024-10-20T12:00:00Z');
  assert.equal(parseRetryAfter(1500, '9', now), 1500);
  assert.equal(parseRetryAfter(undefined, '9', now), 9000);
  assert.equal(parseRetryAfter(undefined, 'Sun, 20 Oct 2024 12:00:03 GMT', now), 3000);
  assert.equal(parseRetryAfter(undefined, 'Sun, 20 Oct 2024 11:00:00 GMT', now), 0);
  assert.equal(parseRetryAfter(undefined, 'soon', now), null);
  assert.equal(parseRetryAfter(undefined, '999999999', now), 600_000);
});
