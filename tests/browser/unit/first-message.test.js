// The first message, which creates its session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { acceptedEvent, doneEvent, gate, open } from './fake-service.js';
import { fakeLocks, settle } from './fakes.js';

const NAME = `user_${Date.parse('2024-10-20T12:00:00Z') / 1000}`;

/** Opens a page whose service creates sessions idempotently, and records the calls. */
function openRecorded({ create, ...options } = {}) {
  const calls = [];
  const created = new Map();
  const page = open(options.sessions, {
    ...options,
    api: {
      async createSession(request) {
        calls.push(['create', request.userId, request.requestId, request.persona]);
        await create?.(request, calls.length);
        created.set(request.requestId, request.userId);
        page.sessions[request.userId] ??= [];
        return {
          userId: request.userId,
          sessionId: `session_${request.userId}_1`,
          persona: request.persona,
          messageCount: 0,
          created: true,
        };
      },
      async *chat({ userId, content, requestId }) {
        calls.push(['chat', userId, requestId]);
        page.sessions[userId].push(content);
        yield acceptedEvent(content);
        yield doneEvent('reply');
      },
    },
  });
  return { ...page, calls };
}

test('sending on the first screen creates a session with the chosen persona and sends the message', async () => {
  const { chat, calls, contents, location } = openRecorded();
  await chat.start();
  chat.choosePersona('creative_writer');
  chat.drafts.update('', 'Hello');
  await chat.send('Hello');
  assert.deepEqual(calls, [
    ['create', NAME, 'id-2', 'creative_writer'],
    ['chat', NAME, 'id-1'],
  ]);
  assert.equal(chat.store.state.view, 'open');
  assert.equal(location.search, `?session=${NAME}`);
  assert.deepEqual(contents(), ['Hello', 'reply']);
  assert.equal(chat.drafts.read(''), '');
});

test('without a choice the first persona is used', async () => {
  const { chat, calls } = openRecorded();
  await chat.start();
  await chat.send('Hello');
  assert.equal(calls[0][3], 'default');
});

test('the message is shown while its session is created, and its row stays', async () => {
  const { opened, open: release } = gate();
  const { chat } = openRecorded({ create: () => opened });
  await chat.start();
  const sent = chat.send('Hello');
  await settle();
  const { view, unsent, session } = chat.store.state;
  assert.equal(view, 'starting');
  assert.deepEqual([unsent[0].content, unsent[0].state, session.userId], ['Hello', 'sending', NAME]);
  const shown = [];
  chat.store.watch(['unsent'], (state) => shown.push(state.unsent.map(({ requestId }) => requestId).join()));
  release();
  await sent;
  assert.deepEqual([...new Set(shown)], ['id-1', '']);
});

test('a name that is taken is replaced by the next free one, and the stranger is left alone', async () => {
  const sessions = { [NAME]: ['private'] };
  const create = ({ userId }) => {
    if (userId === NAME) throw new ApiError({ status: 409, reason: 'SESSION_EXISTS' });
  };
  const { chat, calls, contents } = openRecorded({ sessions, create });
  await chat.start();
  await chat.send('Hello');
  assert.deepEqual(
    calls.map(([call, userId]) => [call, userId.slice(-1)]),
    [
      ['create', '0'],
      ['create', '1'],
      ['chat', '1'],
    ],
  );
  assert.deepEqual(contents(), ['Hello', 'reply']);
  assert.deepEqual(sessions[NAME], ['private']);
});

test('a reload while the session is created goes on with the same request ids', async () => {
  const map = new Map();
  const before = openRecorded({ map, create: () => new Promise(() => {}) });
  await before.chat.start();
  before.chat.choosePersona('technical_support');
  void before.chat.send('Hello');
  await settle();
  const after = openRecorded({ map });
  assert.equal(after.chat.store.state.view, 'loading');
  await after.chat.start();
  await settle();
  assert.deepEqual(after.calls, [
    ['create', NAME, 'id-2', 'technical_support'],
    ['chat', NAME, 'id-1'],
  ]);
  assert.deepEqual(before.calls, after.calls.slice(0, 1));
  assert.deepEqual(
    [...map.keys()].filter((key) => key.startsWith('nono:first:')),
    [],
  );
  const later = openRecorded({ map, sessions: after.sessions });
  await later.chat.start();
  await settle();
  assert.deepEqual(later.calls, []);
});

/** Opens a page without a service, and sends messages on its first screen. Returns the records that remain. */
async function leaveUnsent(...contents) {
  const map = new Map();
  for (const content of contents) {
    const page = openRecorded({ map: new Map(), create: () => new Promise(() => {}) });
    await page.timers.advance(map.size * 1_000);
    await page.chat.start();
    void page.chat.send(content);
    await settle();
    const [[key, stored]] = [...page.map].filter(([name]) => name.startsWith('nono:first:'));
    map.set(key.replace('id', content), stored.replaceAll('id-', `${content}-`));
  }
  return map;
}

test('all messages of an earlier visit are sent in order and once each, and the first is shown', async () => {
  const map = await leaveUnsent('one', 'two', 'three');
  const { chat, calls, contents } = openRecorded({ map });
  await chat.start();
  await settle();
  const idsOf = (name) => calls.filter(([call]) => call === name).map(([, , requestId]) => requestId);
  assert.deepEqual(idsOf('create'), ['one-2', 'two-2', 'three-2']);
  assert.deepEqual(idsOf('chat'), ['one-1', 'two-1', 'three-1']);
  assert.deepEqual(contents(), ['one', 'reply']);
});

test('a message of an earlier visit that fails holds the next one back no longer', async () => {
  const map = await leaveUnsent('one', 'two');
  const create = ({ requestId }) => {
    if (requestId === 'one-2') throw new ApiError({ status: 500 });
  };
  const { chat, calls } = openRecorded({ map, create });
  await chat.start();
  await settle();
  assert.deepEqual(calls.at(-1).slice(0, 1), ['chat']);
  assert.deepEqual([chat.store.state.view, chat.store.state.unsent[0].content], ['starting', 'one']);
});

test('messages of an earlier visit are sent although another session is in the address, which remains open', async () => {
  const map = await leaveUnsent('one');
  const { chat, calls, contents } = openRecorded({ map, search: '?session=Ada', sessions: { Ada: ['a'] } });
  await chat.start();
  await settle();
  assert.equal(calls.at(-1)[0], 'chat');
  assert.deepEqual(contents(), ['a']);
});

test('of two tabs that find the same message, one sends it and the other shows the first screen', async () => {
  const map = await leaveUnsent('one');
  const locks = fakeLocks();
  const { opened, open: release } = gate();
  const first = openRecorded({ map, locks: locks.tab(), create: () => opened });
  const second = openRecorded({ map, locks: locks.tab() });
  await Promise.all([first.chat.start(), second.chat.start()]);
  assert.deepEqual([first.chat.store.state.view, second.chat.store.state.view], ['starting', 'welcome']);
  release();
  await settle();
  await second.timers.advance(60_000);
  assert.deepEqual(first.contents(), ['one', 'reply']);
  assert.deepEqual([first.calls.length, second.calls.length], [2, 0]);
});

test('a message is sent by another tab if the one that was sending it is closed, and not if it is loaded again', async () => {
  const map = await leaveUnsent('one');
  const locks = fakeLocks();
  const create = () => new Promise(() => {});
  const tab = locks.tab();
  const first = openRecorded({ map, locks: tab, create });
  const other = openRecorded({ map, locks: locks.tab() });
  await Promise.all([first.chat.start(), other.chat.start()]);
  tab.close();
  const reloadedTab = locks.tab();
  const reloaded = openRecorded({ map, locks: reloadedTab, create });
  await reloaded.chat.start();
  assert.equal(reloaded.chat.store.state.view, 'starting');
  await other.timers.advance(10_000);
  assert.equal(other.calls.length, 0);
  reloadedTab.close();
  await other.timers.advance(10_000);
  assert.deepEqual(
    other.calls.map(([call]) => call),
    ['create', 'chat'],
  );
});

test('a failed creation offers a retry with the same request ids', async () => {
  const create = (_, calls) => {
    if (calls === 1) throw new ApiError({ status: 500 });
  };
  const { chat, calls } = openRecorded({ create });
  await chat.start();
  await chat.send('Hello');
  assert.equal(chat.store.state.view, 'starting');
  assert.equal(chat.store.state.unsent[0].state, 'failed');
  await chat.retry('id-1');
  assert.deepEqual(calls[0], calls[1]);
  assert.equal(chat.store.state.view, 'open');
});

test('a failed first message can be removed, which shows the first screen again', async () => {
  const create = () => {
    throw new ApiError({ status: 500 });
  };
  const { chat, map } = openRecorded({ create });
  await chat.start();
  await chat.send('Hello');
  assert.equal(chat.discard('id-1'), 'Hello');
  assert.equal(chat.store.state.view, 'welcome');
  assert.equal([...map.keys()].filter((key) => key.startsWith('nono:first:')).length, 0);
});

test('a session that is opened in the meantime stays open, and the first message is sent', async () => {
  const { opened, open: release } = gate();
  const { chat, calls, contents } = openRecorded({ sessions: { Ada: ['a'] }, create: () => opened });
  await chat.start();
  const sent = chat.send('Hello');
  await chat.openSession('Ada');
  release();
  await sent;
  assert.deepEqual(contents(), ['a']);
  assert.equal(calls.at(-1)[0], 'chat');
});

test('text that was typed while the session was created becomes its draft', async () => {
  const { opened, open: release } = gate();
  const { chat } = openRecorded({ create: () => opened });
  await chat.start();
  const sent = chat.send('Hello');
  chat.drafts.update('', 'and another');
  release();
  await sent;
  assert.equal(chat.drafts.read(NAME), 'and another');
  assert.equal(chat.drafts.read(''), '');
});

test('text of the first screen goes along to a session that has no draft', async () => {
  const { chat } = openRecorded({ sessions: { Ada: [], Grace: [] } });
  await chat.start();
  chat.drafts.update('', 'half a thought');
  await chat.openSession('Ada');
  assert.equal(chat.drafts.read('Ada'), 'half a thought');
  assert.equal(chat.drafts.read(''), '');
});
