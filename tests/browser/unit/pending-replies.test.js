// Turns whose reply is not stored yet: kept over a reload, and known to other tabs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { acceptedEvent, apiWithHistory, doneEvent, open } from './fake-service.js';
import { settle } from './fakes.js';

/** Creates a service whose model is unreachable until `repair` is called. */
function withUnreachableModel(history) {
  let repaired = false;
  const send = async function* () {
    if (history.length === 0) history.push(acceptedEvent('hi').message);
    yield acceptedEvent('hi');
    if (!repaired)
      throw new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached' });
    history.push(doneEvent('Hello').message);
    yield doneEvent('Hello');
  };
  return { api: apiWithHistory(history, { chat: send }), repair: () => (repaired = true) };
}

test('the error of a reply is known after a reload, and the reply can still be requested', async () => {
  const map = new Map();
  const service = withUnreachableModel([]);
  const before = open({ Ada: [] }, { search: '?session=Ada', map, api: service.api });
  await before.chat.start();
  await before.chat.send('hi');
  const { chat, contents, timers } = open({}, { search: '?session=Ada', map, api: service.api });
  await chat.start();
  assert.equal(chat.store.state.turn.state, 'failed');
  assert.equal(chat.store.state.turn.problem.explanation, 'The model cannot be reached. Try again in a minute.');
  assert.equal(timers.pending, 0);
  service.repair();
  await chat.retry(chat.store.state.turn.requestId);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

test('another tab without an event stream shows that a reply failed, and that it was requested again', async () => {
  const map = new Map();
  const service = withUnreachableModel([]);
  const [first, second] = [0, 1].map(() => open({ Ada: [] }, { search: '?session=Ada', map, api: service.api }));
  await first.chat.start();
  await second.chat.start();
  await first.chat.send('hi');
  second.notifyFromOtherTab('session_Ada_1');
  await settle();
  assert.equal(second.chat.store.state.turn.state, 'failed');
  service.repair();
  await second.chat.retry(second.chat.store.state.turn.requestId);
  assert.deepEqual(second.contents(), ['hi', 'Hello']);
  first.notifyFromOtherTab('session_Ada_1');
  await settle();
  assert.deepEqual(first.contents(), ['hi', 'Hello']);
  assert.equal(first.chat.store.state.turn, null);
});
