// What the page says: banners, rows, names, limits, times, addresses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bannersOf } from '../../../public/js/core/banners.js';
import { fallbackName, limitsOf, messageFault, nameFault } from '../../../public/js/core/validation.js';
import { BUILT_IN, cautionOf, nameOf, readPersonas } from '../../../public/js/core/personas.js';
import { ApiError } from '../../../public/js/core/api-error.js';
import { createRouter } from '../../../public/js/core/router.js';
import { replyKey, rowOfReply, rowsOf, sentKey } from '../../../public/js/core/message-rows.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { INITIAL_STATE, createStore } from '../../../public/js/core/store.js';
import { createTabs } from '../../../public/js/core/tabs.js';
import { dayOf, minutes, seconds } from '../../../public/js/core/format-time.js';
import { fakeLocalStorage } from './fakes.js';

const NOW = Date.parse('2024-10-20T12:00:00Z');
const OPEN = { ...INITIAL_STATE, view: 'open', personas: BUILT_IN, session: { user_id: 'Ada', session_id: 's1', persona: 'default' } };
const ids = (state) => bannersOf(state).map(({ id }) => id);
const message = (seq, role, more = {}) => ({ seq, role, content: `m${seq}`, timestamp: '2024-10-20T11:00:00Z', ...more });

test('a page that is well has no banner', () => {
  assert.deepEqual(ids(OPEN), []);
});

test('being offline hides the countdown: it would promise what cannot be kept', () => {
  const waiting = { kind: 'unreachable', reason: '', until: NOW };
  assert.deepEqual(ids({ ...OPEN, online: false, waiting }), ['offline']);
  assert.deepEqual(ids({ ...OPEN, waiting }), ['waiting']);
});

test('a session that is gone offers to start again under its name', () => {
  const [banner] = bannersOf({ ...OPEN, view: 'gone' });
  assert.equal(banner.label, 'Start again as Ada');
  assert.equal(banner.action, 'startAgain');
});

test('the end is counted down only while the session is open', () => {
  assert.deepEqual(ids({ ...OPEN, endingMs: 90_000 }), ['ending']);
  assert.deepEqual(ids({ ...OPEN, endingMs: 90_000, view: 'gone' }), ['gone']);
});

test('a full session says so', () => {
  const problem = new ApiError({ status: 409, reason: 'SESSION_FULL' });
  assert.deepEqual(ids({ ...OPEN, pending: [{ problem }] }), ['full']);
});

test('rows carry day marks, authors and Sent on the newest message of mine', () => {
  const messages = [message(1, 'user'), message(2, 'assistant'), message(3, 'user', { timestamp: '2024-10-21T11:00:00Z' })];
  const rows = rowsOf({ ...OPEN, messages }, NOW + 24 * 3600_000);
  assert.deepEqual(
    rows.map(({ kind, content, author, state }) => (kind === 'day' ? content : `${author} ${state}`)),
    ['yesterday', 'You stored', 'Default Assistant stored', 'today', 'You sent'],
  );
});

test('a message is one row while it goes from the outbox into the history', () => {
  const entry = { request_id: 'r1', user_id: 'Ada', session_id: 's1', content: 'm1', created_at: '2024-10-20T11:00:00Z', state: 'sending' };
  const keys = (state) => rowsOf({ ...OPEN, ...state }, NOW).map(({ key }) => key).filter((key) => !key.startsWith('day'));
  const stored = [message(1, 'user', { key: sentKey('r1') })];
  assert.deepEqual(keys({ pending: [entry] }), [sentKey('r1')]);
  assert.deepEqual(keys({ pending: [entry], messages: stored }), [sentKey('r1')]);
  assert.deepEqual(keys({ messages: stored }), [sentKey('r1')]);
});

test('a reply being written is the last row and keeps its key when it is stored', () => {
  const reply = { request_id: 'r1', text: 'Hel', state: 'streaming', started_at: '2024-10-20T11:00:00Z' };
  const row = rowsOf({ ...OPEN, messages: [message(1, 'user')], reply }, NOW).at(-1);
  assert.deepEqual([row.key, row.content, row.state, row.author], [replyKey('r1'), 'Hel', 'streaming', 'Default Assistant']);
});

test('personas fall back to the built-in ones, and unknown keys become words', () => {
  assert.equal(readPersonas(null), BUILT_IN);
  assert.equal(readPersonas([]), BUILT_IN);
  assert.deepEqual(readPersonas([{ key: 'a', name: 'A' }, { key: 'b' }]), [{ key: 'a', name: 'A' }]);
  assert.equal(nameOf(BUILT_IN, 'mental_health_nurse'), 'Mental Health Nurse');
  assert.equal(nameOf(BUILT_IN, 'ship_doctor'), 'Ship doctor');
  assert.match(cautionOf('mental_health_nurse'), /emergency number/);
  assert.equal(cautionOf('default'), null);
});

test('limits count bytes, and what the config does not say is taken from the defaults', () => {
  const limits = limitsOf({ limits: { user_id_max_bytes: 4, message_content_max_bytes: 'many' } });
  assert.equal(nameFault('éé', limits), null);
  assert.match(nameFault('ééé', limits), /at most 4 bytes/);
  assert.match(nameFault('a\u0007', limits), /control characters/);
  assert.match(nameFault('..', limits), /more than dots/);
  assert.equal(nameFault('...', limits), null);
  assert.equal(messageFault('x'.repeat(32_768), limits), null);
  assert.match(messageFault('x'.repeat(32_769), limits), /too long/);
  assert.equal(fallbackName(1697856000999), 'user_1697856000');
});

test('days and waits read naturally', () => {
  assert.equal(dayOf(new Date(NOW).toISOString(), NOW), 'today');
  assert.equal(dayOf('not a date', NOW), '');
  assert.equal(minutes(65_000), '1:05');
  assert.equal(minutes(64_001), '1:05');
  assert.equal(minutes(-5), '0:00');
  assert.equal(seconds(4001), '5 s');
});

test('the address carries any user_id and adds no step when it already says so', () => {
  const steps = [];
  const location = { pathname: '/', search: '' };
  const go = (address) => (location.search = new URL(address, 'http://x').search);
  const history = { pushState: (_, __, address) => (steps.push(`push ${address}`), go(address)), replaceState: (_, __, a) => (steps.push(`replace ${a}`), go(a)) };
  const router = createRouter({ scope: { location, history }, storage: createStorage(fakeLocalStorage()) });
  router.show('John & Co/ü');
  assert.equal(router.named(), 'John & Co/ü');
  router.show('John & Co/ü');
  router.show(null, { replace: true });
  assert.equal(router.named(), null);
  assert.deepEqual(steps, ['push /?session=John+%26+Co%2F%C3%BC', 'replace /']);
});

test('watchers hear of the parts they asked for, and only of changes', () => {
  const store = createStore({ a: 1, b: 1 });
  const heard = [];
  const stop = store.watch(['a'], ({ a }) => heard.push(a));
  store.set({ b: 2 });
  store.set({ a: 1 });
  store.set({ a: 2 });
  stop();
  store.set({ a: 3 });
  assert.deepEqual(heard, [1, 2]);
});

test('a note to other tabs says which session changed and nothing else', () => {
  const posted = [];
  let receive;
  class Channel {
    addEventListener(_, listener) {
      receive = listener;
    }
    postMessage(note) {
      posted.push(note);
    }
  }
  const heard = [];
  const tabs = createTabs(Channel, (id) => heard.push(id));
  tabs.tell('s1');
  receive({ data: { session_id: 's2' } });
  receive({ data: 'noise' });
  assert.deepEqual(posted, [{ session_id: 's1' }]);
  assert.deepEqual(heard, ['s2']);
  createTabs(undefined, () => {}).tell('s1');
});

const REPLY = { request_id: 'r1', seq: 1, text: 'Hel', started_at: '2024-10-20T11:00:01Z', problem: null };
const drawn = (reply, messages = [message(1, 'user')]) =>
  rowsOf({ ...OPEN, messages, reply: { ...REPLY, ...reply } }, NOW).filter(({ kind }) => kind === 'message');

test('a reply that broke off keeps its text, says why and can be asked for again', () => {
  const [mine, lost] = drawn({ state: 'cut', problem: new ApiError({ status: 0 }) });
  assert.deepEqual([mine.state, lost.state, lost.content, lost.requestId], ['stored', 'cut', 'Hel', 'r1']);
  assert.equal(lost.fault, 'The connection was lost before the reply was complete.');
  const problem = new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached' });
  assert.equal(drawn({ state: 'failed', problem })[1].fault, 'The reply broke off. The model cannot be reached.');
  assert.equal(drawn({ state: 'cut', text: '' })[1].fault, 'No reply has come so far.');
});

test('where nothing came of a reply, the message itself says so', () => {
  const problem = new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached' });
  const rows = drawn({ state: 'failed', text: '', problem });
  assert.equal(rows.length, 1);
  assert.deepEqual([rows[0].state, rows[0].requestId], ['unanswered', 'r1']);
  assert.equal(rows[0].fault, 'Your message is stored, but no reply came. The model cannot be reached.');
});

test('a message that waits stands below the reply that it waits for', () => {
  const entry = { request_id: 'r2', session_id: 's1', content: 'next', created_at: '2024-10-20T11:00:02Z', state: 'sending' };
  const rows = rowsOf({ ...OPEN, messages: [message(1, 'user')], reply: { ...REPLY, state: 'stopped' }, pending: [entry] }, NOW);
  assert.deepEqual(rows.map(({ state }) => state), [undefined, 'stored', 'stopped', 'sending']);
});

test('a reply that did not end by itself says so', () => {
  const rows = rowsOf({ ...OPEN, messages: [message(1, 'assistant', { finish: 'length' }), message(2, 'assistant', { finish: 'stop' })] }, NOW);
  assert.deepEqual(rows.map(({ state }) => state), [undefined, 'shortened', 'stored']);
});

test('a reply that comes with the history takes the row it was waited for in, once, and not while it streams', () => {
  const state = { messages: [message(1, 'user')], reply: { ...REPLY, state: 'stopped' } };
  assert.equal(rowOfReply(state, message(2, 'assistant')), replyKey('r1'));
  assert.equal(rowOfReply({ ...state, messages: [message(2, 'assistant', { key: replyKey('r1') })] }, message(3, 'assistant')), undefined);
  assert.equal(rowOfReply(state, message(2, 'user')), undefined);
  assert.equal(rowOfReply({ ...state, reply: { ...REPLY, state: 'streaming' } }, message(2, 'assistant')), undefined);
});
