// All sessions at once: the export into one file with progress and failures, and the words of the dialog.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { describeData, describeTask } from '../../../public/js/core/data-view.js';
import { NAMES, sessionGone, openWithData as setUp } from './fake-service.js';
import { settle } from './fakes.js';

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
      if (userId === 'Alan') throw sessionGone();
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
  assert.equal(view().hint, 'The service is unavailable.');
  assert.deepEqual(
    view().actions.map(({ id }) => id),
    ['cancel', 'retryNow'],
  );
  await timers.advance(120_000);
  await exporting;
  assert.equal(phase(), 'incomplete');
  assert.equal(calls.filter((userId) => userId === 'Grace').length, 6);
  assert.deepEqual(
    [view().text, view().hint],
    ['1 of 6 sessions is missing.', 'The service is unavailable. Try again in a minute.'],
  );
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

test('a list that cannot be read ends the task with the reason', async () => {
  const { data, view } = await setUp({
    listSessions: async () => {
      throw new ApiError({ status: 500, reason: 'INTERNAL' });
    },
  });
  await data.requestDeletion();
  assert.deepEqual(
    [view().text, view().hint],
    [
      'The list of sessions could not be read.',
      'Something went wrong in the service. Try again; if that does not help, report it.',
    ],
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
    'Everyone who uses this server shares the sessions, and can read and delete them.',
    true,
  ]);
  assert.deepEqual(words('oidc'), ['Your data', 'Other people do not see your sessions.', false]);
  assert.equal(describeTask({ phase: 'confirming', total: 1 }, true).text, 'Delete the only session?');
});
