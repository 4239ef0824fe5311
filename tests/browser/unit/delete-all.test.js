// The deletion of all sessions: undo, drafts, failures and progress.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { NAMES, sessionGone, openWithData as setUp } from './fake-service.js';
import { settle } from './fakes.js';

test('nothing is deleted before ten seconds have passed, and undo or leaving keeps all', async () => {
  for (const keep of ['undoDeletion', 'cancel']) {
    const { data, timers, sessions } = await setUp();
    await data.requestDeletion();
    assert.deepEqual(Object.keys(sessions), NAMES);
    data.confirmDeletion();
    await timers.advance(9_999);
    assert.deepEqual(Object.keys(sessions), NAMES);
    data[keep]();
    await timers.advance(60_000);
    assert.deepEqual(Object.keys(sessions), NAMES, keep);
  }
});

test('a deletion removes all sessions with their drafts and unsent messages, closes the open one and notifies tabs', async () => {
  const { chat, data, view, timers, sessions, map, notified, phase } = await setUp(
    {
      async *chat() {
        yield await Promise.reject(new ApiError({ status: 500 }));
      },
    },
    { search: '?session=Ada' },
  );
  await chat.send('unsent');
  chat.drafts.update('Ada', 'draft');
  chat.drafts.flush();
  assert.equal([...map.keys()].filter((key) => /draft|outbox/.test(key)).length, 2);
  await data.requestDeletion();
  assert.equal(view().text, 'Delete all 6 sessions?');
  data.confirmDeletion();
  assert.deepEqual(
    [view().text, view().hint],
    ['All 6 sessions will be deleted in', 'If you close this dialog or leave the page before, nothing is deleted.'],
  );
  await timers.advance(10_000);
  assert.equal(phase(), 'deleted');
  assert.deepEqual(sessions, {});
  assert.equal(chat.store.state.view, 'welcome');
  assert.deepEqual(
    [...map.keys()].filter((key) => /draft|outbox|turn|last/.test(key)),
    [],
  );
  assert.deepEqual(notified.sort(), [...NAMES.map((name) => `session_${name}_1`), 'session_Ada_1'].sort());
});

test('a session that is gone counts as deleted, and those that fail can be deleted again', async () => {
  let isBroken = true;
  const deleted = [];
  const { data, view, timers, phase } = await setUp({
    deleteSession: async (userId) => {
      if (userId === 'Alan') throw sessionGone();
      if (userId === 'Tony' && isBroken) throw new ApiError({ status: 500, reason: 'INTERNAL' });
      deleted.push(userId);
    },
  });
  await data.requestDeletion();
  data.confirmDeletion();
  await timers.advance(10_000);
  assert.equal(phase(), 'undeleted');
  assert.deepEqual(
    [view().text, view().hint],
    [
      '1 of 6 sessions could not be deleted.',
      'Something went wrong in the service. Try again; if that does not help, report it.',
    ],
  );
  isBroken = false;
  deleted.length = 0;
  await data.retryDeletion();
  assert.deepEqual(deleted, ['Tony']);
  assert.equal(phase(), 'deleted');
});

test('a deletion cannot be cancelled once it runs', async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const { data, timers, phase } = await setUp({ deleteSession: () => held });
  await data.requestDeletion();
  data.confirmDeletion();
  await timers.advance(10_000);
  data.cancel();
  assert.equal(phase(), 'deleting');
  release();
  await settle();
  assert.equal(phase(), 'deleted');
});

test('without access, the remaining calls are not made', async () => {
  let calls = 0;
  const { data, view, timers } = await setUp({
    deleteSession: async () => {
      calls += 1;
      throw new ApiError({ status: 401, reason: 'UNAUTHENTICATED', loginUrl: '/login' });
    },
  });
  await data.requestDeletion();
  data.confirmDeletion();
  await timers.advance(10_000);
  assert.equal(calls, 4);
  assert.deepEqual([view().text, view().hint], ['6 of 6 sessions could not be deleted.', 'You are signed out.']);
});
