// A browser that is signed out: the state, its words, and that everything unsent is kept and sent afterwards.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../../../public/js/core/api.js';
import { ApiError } from '../../../public/js/core/api-error.js';
import { buildBanners } from '../../../public/js/core/banners.js';
import { parseLoginUrl } from '../../../public/js/core/wire.js';
import { open } from './fake-service.js';
import { eventResponse, jsonResponse, OPEN_STATE, scriptedFetch, settle } from './fakes.js';

const signedOut = (loginUrl = null) => new ApiError({ status: 401, reason: 'UNAUTHENTICATED', loginUrl });
const rejection = (more) => jsonResponse({ status: 401, reason: 'UNAUTHENTICATED', ...more }, { status: 401 });

test('a login page is an absolute address with http or https, or a path of this server', () => {
  const accepted = {
    'https://login.example/start?next=%2F': 'https://login.example/start?next=%2F',
    'http://localhost:9/x': 'http://localhost:9/x',
    'HTTPS://login.example': 'https://login.example/',
    '/login?a=b#c': '/login?a=b#c',
    '/a/../login': '/login',
  };
  for (const [given, expected] of Object.entries(accepted)) assert.equal(parseLoginUrl(given), expected, given);
  const ignored = [
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'JAVA\tSCRIPT:alert(1)',
    'data:text/html,x',
    'blob:https://a.example/x',
    'file:///etc/passwd',
    'ftp://a.example/',
    '//evil.example/login',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/.//evil.example',
    '/x/..//evil.example',
    'login',
    '?login',
    '',
    ' /login',
    'https://',
    'https:evil.example',
    7,
    null,
    undefined,
    ['/login'],
    { href: '/login' },
  ];
  for (const value of ignored) assert.equal(parseLoginUrl(value), null, String(value));
});

test('every kind of call reports a rejected credential, and the next call that succeeds', async () => {
  const calls = {
    get: (api) => api.getSession('Ada'),
    touch: (api) => api.touchSession('Ada'),
    delete: (api) => api.deleteSession('Ada'),
    export: (api) => api.exportSession('Ada'),
    config: (api) => api.getConfig(),
    chat: (api) => api.chat({ userId: 'Ada', content: 'hi', requestId: 'r1' }).next(),
  };
  for (const [name, call] of Object.entries(calls)) {
    const success = name === 'chat' ? eventResponse('event: delta\ndata: {"text":"x"}\n\n') : jsonResponse({});
    const api = createApi({ fetch: scriptedFetch(rejection({ login_url: '/login' }), success) });
    const reports = [];
    api.onAccess((problem) => reports.push(problem && [problem.kind, problem.loginUrl]));
    await assert.rejects(call(api), { kind: 'unauthenticated' });
    await call(api);
    assert.deepEqual(reports, [['unauthenticated', '/login'], null], name);
  }
});

test('other errors do not change the access', async () => {
  for (const status of [400, 403, 404, 429, 500, 503]) {
    const api = createApi({ fetch: scriptedFetch(jsonResponse({ status }, { status })) });
    api.onAccess(() => assert.fail(`status ${status} was reported`));
    await assert.rejects(api.getSession('Ada'));
  }
});

test('the words of the service are not shown', () => {
  const detail = 'the request has no cookie: load the page of this server once, and send the cookie that it sets';
  const words = (loginUrl) => new ApiError({ status: 401, reason: 'UNAUTHENTICATED', detail, loginUrl }).explanation;
  assert.equal(words(null), 'This browser has no valid cookie for this server.');
  assert.equal(words('/login'), 'You are signed out.');
});

test('the banner offers to reload, or to sign in if there is a login page, and replaces the countdown', () => {
  const wait = { kind: 'unauthenticated', reason: 'UNAUTHENTICATED', until: Infinity };
  const banners = (loginUrl) =>
    buildBanners({ ...OPEN_STATE, view: 'failed', problem: signedOut(), wait, signedOut: { loginUrl } });
  assert.deepEqual(
    banners(null).map(({ id, text, action, label }) => [id, text, action, label]),
    [
      [
        'signed-out',
        'This browser has no valid cookie for this server. Reload the page to continue; what you wrote is kept.',
        'signIn',
        'Reload',
      ],
    ],
  );
  assert.deepEqual(
    banners('/login').map(({ text, label }) => [text, label]),
    [['You are signed out. What you wrote is kept.', 'Sign in']],
  );
  const [offline, ...others] = buildBanners({ ...OPEN_STATE, online: false, signedOut: { loginUrl: null } });
  assert.deepEqual([offline.id, others], ['offline', []]);
});

/** Opens a page whose calls are rejected while `access.problem` is set. */
async function openWithAccess(sessions, { map = new Map() } = {}) {
  const access = { problem: null };
  const sent = [];
  const page = open(sessions, {
    search: '?session=Ada',
    map,
    api: {
      async *chat({ userId, content, requestId }) {
        sent.push(requestId);
        if (access.problem) throw report(access.problem);
        sessions[userId].push(content);
        report(null);
        yield { type: 'accepted', message: { seq: sessions[userId].length, role: 'user', content }, replayed: false };
      },
      async getConfig() {
        if (access.problem) throw report(access.problem);
        report(null);
        return { title: 'Nono Chat Bot' };
      },
    },
  });
  function report(problem) {
    page.reportAccess(problem);
    return problem;
  }
  await page.chat.start();
  return { ...page, access, sent };
}

/** Returns the listeners of the page for events of the browser. */
function listenTo(chat) {
  const listeners = {};
  const addEventListener = (type, listener) => (listeners[type] = listener);
  chat.listen({ addEventListener, navigator: { onLine: true } }, { addEventListener, hidden: false });
  return listeners;
}

test('a message that is rejected with 401 stays unsent, and is sent with the same request id once a call succeeds', async () => {
  const { chat, access, sent, sessions, contents, timers } = await openWithAccess({ Ada: ['a'] });
  access.problem = signedOut('/login');
  const sending = chat.send('kept');
  await timers.advance(600_000);
  assert.deepEqual(chat.store.state.signedOut, { loginUrl: '/login' });
  assert.deepEqual(
    chat.store.state.unsent.map(({ content, state }) => [content, state]),
    [['kept', 'sending']],
  );
  assert.equal(sent.length, 1);
  access.problem = null;
  const listeners = listenTo(chat);
  listeners.focus();
  await sending;
  assert.equal(chat.store.state.signedOut, null);
  assert.deepEqual(sessions.Ada, ['a', 'kept']);
  assert.deepEqual(contents(), ['a', 'kept']);
  assert.deepEqual(sent, [sent[0], sent[0]]);
});

test('a reload or a login sends the unsent message of the previous visit and keeps the draft', async () => {
  const map = new Map();
  const sessions = { Ada: ['a'] };
  const before = await openWithAccess(sessions, { map });
  before.access.problem = signedOut();
  void before.chat.send('kept');
  await settle();
  before.chat.drafts.update('Ada', 'half a thought');
  before.chat.signIn();
  assert.deepEqual(before.left, ['reload']);
  const after = await openWithAccess(sessions, { map });
  await settle();
  assert.deepEqual(sessions.Ada, ['a', 'kept']);
  assert.equal(after.chat.drafts.read('Ada'), 'half a thought');
  assert.equal(after.sent[0], before.sent[0]);
});

test('Sign in opens the login page, whose address may change', async () => {
  const { chat, left, reportAccess } = await openWithAccess({ Ada: ['a'] });
  reportAccess(signedOut());
  reportAccess(signedOut('https://login.example/'));
  chat.signIn();
  assert.deepEqual(left, ['https://login.example/']);
});

test('a conversation that could not be loaded while signed out is loaded when the access is back', async () => {
  let problem = signedOut();
  let reportAccess = () => {};
  const page = open(
    { Ada: ['a'] },
    {
      search: '?session=Ada',
      api: {
        getSession: async (userId) => {
          if (problem) reportAccess(problem);
          if (problem) throw problem;
          return { userId, sessionId: `session_${userId}_1`, persona: 'default', messageCount: 1 };
        },
      },
    },
  );
  reportAccess = page.reportAccess;
  await page.chat.start();
  assert.equal(page.chat.store.state.view, 'failed');
  problem = null;
  page.reportAccess(null);
  await settle();
  assert.equal(page.chat.store.state.view, 'open');
  assert.deepEqual(page.contents(), ['a']);
});

test('leaving the page while signed out keeps the drafts of sessions whose deletion could be undone', async () => {
  const { chat, sessions, reportAccess } = await openWithAccess({ Ada: ['a'] });
  const listeners = listenTo(chat);
  chat.drafts.update('Ada', 'draft');
  chat.drafts.flush();
  chat.removeSession(chat.store.state.session);
  reportAccess(signedOut());
  listeners.pagehide();
  await settle();
  assert.ok(sessions.Ada);
  assert.equal(chat.drafts.read('Ada'), 'draft');
});

test('the notice of the owner is shown for cookies until it is dismissed', async () => {
  const map = new Map();
  const visit = async (auth) => {
    const page = open({}, { map, api: { getConfig: async () => ({ auth }) } });
    await page.chat.start();
    return page.chat;
  };
  assert.equal((await visit('none')).store.state.ownerNotice, false);
  const chat = await visit('cookie');
  assert.deepEqual(
    buildBanners(chat.store.state).map(({ id, label, tone }) => [id, label, tone]),
    [['owner', 'Got it', 'info']],
  );
  chat.dismissOwnerNotice();
  assert.equal(chat.store.state.ownerNotice, false);
  assert.equal((await visit('cookie')).store.state.ownerNotice, false);
});
