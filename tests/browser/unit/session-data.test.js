// All sessions at once: the export into one file, and the deletion with undo, progress and failures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { describeData, describeTask } from '../../../public/js/core/data-view.js';
import { open } from './fake-service.js';
import { settle } from './fakes.js';

const NAMES = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Tony'];
const gone = () => new ApiError({ status: 404, reason: 'SESSION_NOT_FOUND' });

/** Opens a page with six sessions. `api` has calls that replace those of the service. */
async function setUp(api = {}, { search = '' } = {}) {
  const sessions = Object.fromEntries(NAMES.map((name) => [name, ['hello']]));
  const exportSession = async (userId) => new Blob([JSON.stringify({ session: { user_id: userId } })]);
  const page = open(sessions, { search, api: { exportSession, ...api } });
  await page.chat.start();
  const data = await page.chat.loadSessionData();
  const view = () => describeTask(data.store.state, false);
  return { ...page, data, view, phase: () => data.store.state.phase };
}

const parse = async (file) => JSON.parse(await file.content.text());

test('an export has all sessions in the order of the list and the time', async () => {
  const { data, view, phase } = await setUp();
  const seen = [];
  data.store.watch(['done'], ({ done, total }) => seen.push([done, total]));
  await data.exportAll();
  assert.equal(phase(), 'exported');
  const { file } = data.store.state;
  assert.equal(file.name, 'nono-sessions-2024-10-20.json');
  assert.deepEqual(await parse(file), {
    exported_at: '2024-10-20T12:00:00.000Z',
    sessions: NAMES.map((name) => ({ session: { user_id: name } })),
  });
  assert.deepEqual(seen.at(-1), [6, 6]);
  assert.equal(view().text, '6 sessions were saved in nono-sessions-2024-10-20.json.');
});

test('at most four calls are made at once', async () => {
  let running = 0;
  let most = 0;
  const { data } = await setUp({
    exportSession: async () => {
      running += 1;
      most = Math.max(most, running);
      await settle();
      running -= 1;
      return new Blob(['{}']);
    },
  });
  await data.exportAll();
  assert.equal(most, 4);
});

test('the export reads every page of the list', async () => {
  const pages = [];
  const { data } = await setUp({
    listSessions: async ({ pageSize, pageToken }) => {
      pages.push([pageSize, pageToken]);
      const userId = pageToken ?? 'first';
      return { sessions: [{ userId, sessionId: userId }], count: 2, nextToken: pageToken ? null : 'second' };
    },
  });
  await data.exportAll();
  assert.deepEqual(pages, [
    [1000, null],
    [1000, 'second'],
  ]);
  assert.equal((await parse(data.store.state.file)).sessions.length, 2);
});

test('a session that ended in the meantime is skipped', async () => {
  const { data, view } = await setUp({
    exportSession: async (userId) => {
      if (userId === 'Alan') throw gone();
      return new Blob([JSON.stringify(userId)]);
    },
  });
  await data.exportAll();
  assert.deepEqual(
    (await parse(data.store.state.file)).sessions,
    NAMES.filter((name) => name !== 'Alan'),
  );
  assert.equal(
    view().text,
    '5 sessions were saved in nono-sessions-2024-10-20.json. 1 session ended in the meantime and is not in it.',
  );
});

test('a failure is retried, then counted, and the rest is offered; Try again exports only what is missing', async () => {
  let isBroken = true;
  const calls = [];
  const { data, view, phase, timers } = await setUp({
    exportSession: async (userId) => {
      calls.push(userId);
      if (userId === 'Grace' && isBroken) throw new ApiError({ status: 503, reason: 'STORE_UNAVAILABLE' });
      return new Blob([JSON.stringify(userId)]);
    },
  });
  const exporting = data.exportAll();
  await settle();
  assert.equal(view().hint, 'The service is unavailable for the moment.');
  assert.deepEqual(
    view().actions.map(({ id }) => id),
    ['cancel', 'retryNow'],
  );
  await timers.advance(120_000);
  await exporting;
  assert.equal(phase(), 'incomplete');
  assert.equal(calls.filter((userId) => userId === 'Grace').length, 6);
  assert.deepEqual([view().text, view().hint], ['1 of 6 sessions is missing.', 'The service is busy.']);
  assert.deepEqual(
    view().actions.map(({ label }) => label),
    ['Try again', 'Save the other 5'],
  );
  assert.equal((await parse(data.store.state.file)).sessions.length, 5);
  isBroken = false;
  calls.length = 0;
  await data.retryExport();
  assert.deepEqual(calls, ['Grace']);
  assert.deepEqual((await parse(data.store.state.file)).sessions, NAMES);
});

test('a cancelled export ends without a file', async () => {
  let aborted = false;
  const { data, phase } = await setUp({
    exportSession: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      }),
  });
  const exporting = data.exportAll();
  await settle();
  assert.equal(phase(), 'exporting');
  data.cancel();
  await exporting;
  assert.equal(phase(), 'idle');
  assert.equal(data.store.state.file, null);
  assert.ok(aborted);
});

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
      if (userId === 'Alan') throw gone();
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
    ['1 of 6 sessions could not be deleted.', 'Something went wrong in the service.'],
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

test('a list that cannot be read ends the task with the reason', async () => {
  const { data, view } = await setUp({
    listSessions: async () => {
      throw new ApiError({ status: 500, reason: 'INTERNAL' });
    },
  });
  await data.requestDeletion();
  assert.deepEqual(
    [view().text, view().hint],
    ['The list of sessions could not be read.', 'Something went wrong in the service.'],
  );
});

test('the title and the owner depend on the authentication', () => {
  const words = (auth) => {
    const { title, owner, isShared } = describeData(auth, 1);
    return [title, owner, isShared];
  };
  assert.deepEqual(words('cookie'), [
    'Your data in this browser',
    'Your sessions belong to this browser. Other browsers and devices do not see them.',
    false,
  ]);
  assert.deepEqual(words('none'), [
    'Your data',
    'All people who use this server share the sessions: they can read and delete them.',
    true,
  ]);
  assert.deepEqual(words('oidc'), ['Your data', 'Other people do not see your sessions.', false]);
  assert.equal(describeTask({ phase: 'confirming', total: 1 }, true).text, 'Delete the only session?');
});
