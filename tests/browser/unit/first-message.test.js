// The first message, which creates its session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { acceptedEvent, doneEvent, gate, open } from './fake-service.js';
import { settle } from './fakes.js';

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
