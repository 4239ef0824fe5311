// The export of a session by the API: its bytes, and bodies that break off, stop or are no JSON.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../../../public/js/core/api.js';
import { fakeTimers, scriptedFetch, settle } from './fakes.js';

test('an export is returned as it was sent', async () => {
  const text = '{ "session": {"user_id": "Ada"},  "messages": [] }';
  const body = new Response(text, { headers: { 'content-type': 'application/json' } });
  const fetch = scriptedFetch(body);
  assert.equal(await (await createApi({ fetch }).exportSession('A/d')).text(), text);
  assert.equal(fetch.calls[0].url, 'api/session/A%2Fd/export?format=json');
});

test('an export that breaks off, or is no JSON, is an error that can be retried', async () => {
  const broken = new ReadableStream({
    start(stream) {
      stream.enqueue(new TextEncoder().encode('{"session"'));
      stream.error(new TypeError('network error'));
    },
  });
  for (const [kind, response] of [
    ['unreachable', new Response(broken, { headers: { 'content-type': 'application/json' } })],
    ['busy', new Response('<html>', { headers: { 'content-type': 'text/html' } })],
  ]) {
    await assert.rejects(createApi({ fetch: scriptedFetch(response) }).exportSession('Ada'), { kind, retryable: true });
  }
});

test('an export without a chunk for 45 s is an error, and a cancelled one is not reported as one', async () => {
  const timers = fakeTimers();
  const hanging = (_, { signal }) => {
    const body = new ReadableStream({
      start(stream) {
        stream.enqueue(new TextEncoder().encode('{'));
        signal.addEventListener('abort', () => stream.error(signal.reason));
      },
    });
    return new Response(body, { headers: { 'content-type': 'application/json' } });
  };
  const api = createApi({ fetch: scriptedFetch(hanging, hanging), timers });
  const outcome = assert.rejects(api.exportSession('Ada'), { kind: 'unreachable' });
  await timers.advance(45_000);
  await outcome;
  const controller = new AbortController();
  const cancelled = assert.rejects(api.exportSession('Ada', controller.signal), { name: 'AbortError' });
  await settle();
  controller.abort();
  await cancelled;
  assert.equal(timers.pending, 0);
});
