// The rows of the conversation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { buildRows, messageKey, pendingReplyKey, replyKey } from '../../../public/js/core/message-rows.js';
import { OPEN_STATE } from './fakes.js';

const NOW = Date.parse('2024-10-20T12:00:00Z');
const TURN = { requestId: 'r1', seq: 1, text: 'Hel', startedAt: '2024-10-20T11:00:01Z', problem: null };
const message = (seq, role, more = {}) => ({
  seq,
  role,
  content: `m${seq}`,
  timestamp: '2024-10-20T11:00:00Z',
  ...more,
});

/** Builds the message rows of a conversation with a pending turn. */
const rowsWithTurn = (turn) =>
  buildRows({ ...OPEN_STATE, messages: [message(1, 'user')], turn: { ...TURN, ...turn } }, NOW).filter(
    ({ kind }) => kind === 'message',
  );

test('rows have day separators and authors, and the newest message of the user is marked as sent', () => {
  const messages = [
    message(1, 'user'),
    message(2, 'assistant'),
    message(3, 'user', { timestamp: '2024-10-21T11:00:00Z' }),
  ];
  const rows = buildRows({ ...OPEN_STATE, messages }, NOW + 24 * 3600_000);
  assert.deepEqual(
    rows.map(({ kind, content, author, state }) => (kind === 'day' ? content : `${author} ${state}`)),
    ['yesterday', 'You stored', 'Default Assistant stored', 'today', 'You sent'],
  );
});

test('a message keeps one row while it moves from the outbox into the history', () => {
  const entry = {
    requestId: 'r1',
    userId: 'Ada',
    sessionId: 's1',
    content: 'm1',
    createdAt: '2024-10-20T11:00:00Z',
    state: 'sending',
  };
  const keys = (state) =>
    buildRows({ ...OPEN_STATE, ...state }, NOW)
      .map(({ key }) => key)
      .filter((key) => !key.startsWith('day'));
  const stored = [message(1, 'user', { key: messageKey('r1') })];
  assert.deepEqual(keys({ unsent: [entry] }), [messageKey('r1')]);
  assert.deepEqual(keys({ unsent: [entry], messages: stored }), [messageKey('r1')]);
  assert.deepEqual(keys({ messages: stored }), [messageKey('r1')]);
});

test('a streaming reply is the last row and keeps its key when it is stored', () => {
  const turn = { requestId: 'r1', text: 'Hel', state: 'streaming', startedAt: '2024-10-20T11:00:00Z' };
  const row = buildRows({ ...OPEN_STATE, messages: [message(1, 'user')], turn }, NOW).at(-1);
  assert.deepEqual(
    [row.key, row.content, row.state, row.author],
    [replyKey('r1'), 'Hel', 'streaming', 'Default Assistant'],
  );
});

test('a reply that broke off keeps its text, has an error and can be requested again', () => {
  const [sent, lost] = rowsWithTurn({ state: 'cut', problem: new ApiError({ status: 0 }) });
  assert.deepEqual([sent.state, lost.state, lost.content, lost.requestId], ['stored', 'cut', 'Hel', 'r1']);
  assert.equal(lost.error, 'The connection was lost before the reply was complete.');
  const problem = new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached' });
  assert.equal(
    rowsWithTurn({ state: 'failed', problem })[1].error,
    'The reply broke off. The model cannot be reached. Try again in a minute.',
  );
  assert.equal(rowsWithTurn({ state: 'cut', text: '' })[1].error, 'No reply has come yet.');
  assert.equal(rowsWithTurn({ state: 'cut' })[1].error, 'The reply broke off.');
});

test('a reply that failed without text is an error of its message', () => {
  const problem = new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached' });
  const rows = rowsWithTurn({ state: 'failed', text: '', problem });
  assert.equal(rows.length, 1);
  assert.deepEqual([rows[0].state, rows[0].requestId], ['unanswered', 'r1']);
  assert.equal(
    rows[0].error,
    'Your message is stored, but no reply came. The model cannot be reached. Try again in a minute.',
  );
});

const ENTRY = {
  requestId: 'r2',
  sessionId: 's1',
  content: 'next',
  createdAt: '2024-10-20T11:00:02Z',
  state: 'sending',
};
const statesOf = (state) => buildRows({ ...OPEN_STATE, ...state }, NOW).map(({ state: rowState }) => rowState);

test('an unsent message follows the pending reply and is queued', () => {
  const messages = [message(1, 'user')];
  for (const state of ['streaming', 'waiting'])
    assert.deepEqual(statesOf({ messages, turn: { ...TURN, state }, unsent: [ENTRY] }), [
      undefined,
      'stored',
      state,
      'queued',
    ]);
  const turn = { ...TURN, state: 'cut' };
  assert.deepEqual(statesOf({ messages, turn, unsent: [ENTRY] }).at(-1), 'sending');
});

test('a message behind another one, or behind a turn in progress, is queued', () => {
  const second = { ...ENTRY, requestId: 'r3' };
  assert.deepEqual(statesOf({ unsent: [ENTRY, second] }), [undefined, 'sending', 'queued']);
  const wait = { kind: 'busy', reason: 'TURN_IN_PROGRESS', until: NOW };
  assert.deepEqual(statesOf({ unsent: [ENTRY], wait }), [undefined, 'queued']);
  assert.deepEqual(statesOf({ unsent: [{ ...ENTRY, state: 'failed' }, second] }), [undefined, 'failed', 'sending']);
});

test('a message that was not sent can be sent again, unless its session is full', () => {
  const retriable = (reason) => {
    const entry = { ...ENTRY, state: 'failed', problem: new ApiError({ status: 409, reason }) };
    return buildRows({ ...OPEN_STATE, unsent: [entry] }, NOW).at(-1).retriable;
  };
  assert.deepEqual([retriable('INTERNAL'), retriable('SESSION_FULL')], [true, false]);
});

test('an unsent message that another tab has sent is not shown twice', () => {
  const turn = { ...TURN, requestId: 'r2', state: 'streaming' };
  assert.deepEqual(statesOf({ messages: [message(1, 'user')], turn, unsent: [ENTRY] }), [
    undefined,
    'stored',
    'streaming',
  ]);
});

test('a reply that is being stopped has its own state, and a stopped one that is stored too', () => {
  const turn = { ...TURN, state: 'streaming', isStopping: true };
  assert.equal(statesOf({ messages: [message(1, 'user')], turn }).at(-1), 'stopping');
  assert.equal(statesOf({ messages: [message(1, 'assistant', { finish: 'cancelled' })] }).at(-1), 'stopped');
});

test('a reply that was stopped before it began is a note at its message, and no error', () => {
  const problem = new ApiError({ status: 409, reason: 'TURN_CANCELLED', detail: 'the turn was cancelled' });
  const [row, ...more] = rowsWithTurn({ state: 'failed', text: '', problem });
  assert.deepEqual(
    [row.state, row.note, row.error],
    ['cancelled', 'The reply was stopped before it began.', undefined],
  );
  assert.equal(more.length, 0);
});

test('a turn of a caller without a request id cannot be requested again', () => {
  const problem = new ApiError({ status: 503 });
  assert.equal(rowsWithTurn({ state: 'failed', problem, isAnonymous: true })[1].retriable, false);
  assert.equal(rowsWithTurn({ state: 'failed', text: '', problem, isAnonymous: true })[0].retriable, false);
});

test('a stored reply that ended at the length limit has its own state', () => {
  const messages = [message(1, 'assistant', { finish: 'length' }), message(2, 'assistant', { finish: 'stop' })];
  const rows = buildRows({ ...OPEN_STATE, messages }, NOW);
  assert.deepEqual(
    rows.map(({ state }) => state),
    [undefined, 'shortened', 'stored'],
  );
});

test('a message that another one follows without a reply is marked, unless its turn is running', () => {
  const messages = [message(1, 'user'), message(2, 'user'), message(3, 'assistant')];
  assert.deepEqual(statesOf({ messages }), [undefined, 'unanswered', 'stored', 'stored']);
  const turn = { ...TURN, state: 'streaming' };
  assert.deepEqual(statesOf({ messages: messages.slice(0, 2), turn }).slice(1, 2), ['stored']);
});

test('an unsent message that waits for the connection, a login or a retry is held', () => {
  for (const state of [
    { online: false },
    { signedOut: { loginUrl: null } },
    { wait: { kind: 'busy', reason: 'OVERLOADED', until: NOW } },
  ])
    assert.equal(statesOf({ unsent: [ENTRY], ...state }).at(-1), 'held');
});

test('a reply that comes without its request id takes the row of the pending reply, once', () => {
  for (const turnState of ['streaming', 'waiting']) {
    const state = { messages: [message(1, 'user')], turn: { ...TURN, state: turnState } };
    assert.equal(pendingReplyKey(state, message(2, 'assistant')), replyKey('r1'));
    const shown = { ...state, messages: [message(2, 'assistant', { key: replyKey('r1') })] };
    assert.equal(pendingReplyKey(shown, message(3, 'assistant')), undefined);
    assert.equal(pendingReplyKey(state, message(2, 'user')), undefined);
  }
});
