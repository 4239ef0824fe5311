// Requests that are sent before the modules that need them are loaded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../../../public/js/core/api.js';
import { createEarlyRequests } from '../../../public/js/core/early-requests.js';
import { PAGE_SIZE } from '../../../public/js/core/paths.js';
import { jsonResponse, scriptedFetch } from './fakes.js';

const SESSION = { user_id: 'A/d', session_id: 's1', expires_at: '2024-10-20T12:00:00Z' };
const HISTORY = { messages: [], has_more: false };

/** Returns early requests for a session, the API that takes them, and the URLs that were requested. */
function start(...responses) {
  const fetch = scriptedFetch(...responses);
  const early = createEarlyRequests(fetch);
  early.requestSession('A/d');
  return { early, api: createApi({ fetch: early.fetch }), urls: () => fetch.calls.map(({ url }) => url) };
}

const EARLY = ['api/session/A%2Fd', 'api/session/A%2Fd/history?limit=50'];

test('a session and its newest messages are requested early, and each response is taken once', async () => {
  const { api, urls } = start(jsonResponse(SESSION), jsonResponse(HISTORY), jsonResponse(SESSION));
  assert.deepEqual(urls(), EARLY);
  assert.equal((await api.getSession('A/d')).sessionId, 's1');
  assert.deepEqual((await api.getHistory('A/d', { limit: PAGE_SIZE })).messages, []);
  assert.deepEqual(urls(), EARLY);
  await api.getSession('A/d');
  assert.deepEqual(urls(), [...EARLY, EARLY[0]]);
});

test('another page, another session and a call that writes take no early response', async () => {
  const { api, urls } = start(...Array.from({ length: 5 }, () => jsonResponse({ ...SESSION, ...HISTORY })));
  await api.getHistory('A/d', { limit: PAGE_SIZE, before: 9 });
  await api.getSession('Bob');
  await api.deleteSession('A/d');
  assert.deepEqual(urls().slice(2), [`${EARLY[1]}&before=9`, 'api/session/Bob', EARLY[0]]);
});

test('a response that was not taken is forgotten', async () => {
  const { early, api, urls } = start(...Array.from({ length: 3 }, () => jsonResponse(SESSION)));
  early.clear();
  await api.getSession('A/d');
  assert.equal(urls().length, 3);
});

test('a failed early request fails the call that takes it, and the next attempt is a new request', async () => {
  const fails = () => {
    throw new TypeError('network error');
  };
  const { api } = start(fails, fails, jsonResponse(SESSION));
  await assert.rejects(api.getSession('A/d'), { kind: 'unreachable' });
  assert.equal((await api.getSession('A/d')).sessionId, 's1');
});

test('a call that waits for an early response ends when it is aborted', async () => {
  const hangs = () => new Promise(() => {});
  const { api } = start(hangs, hangs);
  const controller = new AbortController();
  const { signal } = controller;
  const call = api.getSession('A/d', signal);
  controller.abort();
  await assert.rejects(call, { name: 'AbortError' });
  await assert.rejects(api.getHistory('A/d', { limit: PAGE_SIZE }, signal), { name: 'AbortError' });
});
