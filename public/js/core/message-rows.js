// The rows of the conversation: day separators, stored messages, unsent messages and the pending reply.
// @ts-check

import { formatDay, formatTime } from './format-time.js';
import { isPending } from './pending-replies.js';
import { personaName } from './personas.js';
import { AUTHORS, FINISH_NOTES, REPLIES } from './words/conversation.js';
import { REASONS } from './words/errors.js';

/**
 * @param {Pick<State, 'messages' | 'unsent' | 'turn' | 'personas' | 'session' | 'view' | 'wait' | 'online' | 'signedOut'>} state
 * @param {number} nowMs
 * @returns {Row[]}
 */
export function buildRows(state, nowMs) {
  const { messages, unsent, turn, personas, session, view, wait } = state;
  /** @type {Row[]} */
  const rows = [];
  const persona = personaName(personas, session?.persona);
  const isLastFromUser = messages.at(-1)?.role === 'user' && !turn;
  // A reply that failed without any text is reported by the row of its message.
  const unanswered = turn?.state === 'failed' && turn.text === '' ? turn : null;
  // A message is stored shortly before it leaves the outbox, and must not be shown twice.
  const storedKeys = new Set(messages.map(({ key }) => key));
  let day = '';

  function add(/** @type {MessageRow} */ row) {
    const rowDay = formatDay(row.timestamp, nowMs);
    if (rowDay && rowDay !== day) rows.push({ key: `day:${rowDay}`, kind: 'day', content: rowDay });
    day = rowDay || day;
    rows.push({ kind: 'message', author: authorName(row.role, persona), time: formatTime(row.timestamp), ...row });
  }

  messages.forEach((message, index) => {
    const { seq, role, content, timestamp, key, finish } = message;
    const isNewest = index === messages.length - 1;
    const row = { key: key ?? `seq:${seq}`, role, content, timestamp };
    if (unanswered?.seq === seq && role === 'user') {
      add({ ...row, requestId: unanswered.requestId, retriable: !unanswered.isAnonymous, ...outcomeOf(unanswered) });
    } else {
      const lacksReply = role === 'user' && messages[index + 1]?.role === 'user' && turn?.seq !== seq;
      const rowState = isNewest && isLastFromUser ? 'sent' : (FINISH_STATES.get(finish) ?? 'stored');
      add({ ...row, state: lacksReply ? 'unanswered' : rowState, note: FINISH_NOTES[rowState] });
    }
  });
  if (turn && !unanswered && !storedKeys.has(replyKey(turn.requestId))) add(replyRow(turn));
  const isHeld = !state.online || state.signedOut !== null || wait !== null;
  let isBlocked = isPending(turn) || wait?.reason === 'TURN_IN_PROGRESS';
  for (const entry of unsent) {
    // The message of a turn that this tab restored from another one is stored without its key.
    const isStored = entry.requestId === turn?.requestId && messages.some(({ seq }) => seq === turn.seq);
    if (isStored || storedKeys.has(messageKey(entry.requestId))) continue;
    add(unsentRow(entry, { session, view, isBlocked, isHeld }));
    if (entry.state === 'sending') isBlocked = true;
  }
  return rows;
}

/** Returns the key of a message's row. It does not change when the message is stored, so the row is not announced twice. */
export const messageKey = (/** @type {string} */ requestId) => `sent:${requestId}`;
/** Returns the key of a reply's row, which does not change when the reply is stored. */
export const replyKey = (/** @type {string} */ requestId) => `reply:${requestId}`;

/**
 * Returns the key of the row that shows the pending reply, if `message` is that reply and came without its request id.
 *
 * @param {Pick<State, 'turn' | 'messages'>} state
 * @param {Pick<Message, 'role' | 'seq'>} message
 */
export function pendingReplyKey({ turn, messages }, { role, seq }) {
  if (!turn || role !== 'assistant' || seq <= turn.seq) return undefined;
  const key = replyKey(turn.requestId);
  return messages.some((message) => message.key === key) ? undefined : key;
}

/** @returns {MessageRow} */
const replyRow = (/** @type {Turn} */ turn) => ({
  key: replyKey(turn.requestId),
  role: 'assistant',
  content: turn.text,
  timestamp: turn.startedAt,
  state: turn.state === 'failed' ? 'cut' : turn.isStopping ? 'stopping' : turn.state,
  requestId: turn.requestId,
  error: replyError(turn),
  retriable: !turn.isAnonymous,
});

/** @returns {MessageRow} */
const unsentRow = (
  /** @type {OutboxEntry} */ entry,
  /** @type {{session: Session | null, view: State['view'], isBlocked: boolean, isHeld: boolean}} */
  { session, view, isBlocked, isHeld },
) => ({
  key: messageKey(entry.requestId),
  role: 'user',
  content: entry.content,
  timestamp: entry.createdAt,
  state: entry.state === 'sending' ? (isBlocked ? 'queued' : isHeld ? 'held' : 'sending') : entry.state,
  requestId: entry.requestId,
  error: entry.state === 'failed' ? sendError(entry, session) : '',
  // A session that is full remains so. One that has ended is created again first, which sends its failed messages.
  retriable: view !== 'gone' && entry.problem?.reason !== 'SESSION_FULL',
});

function sendError(/** @type {OutboxEntry} */ { problem, sessionId }, /** @type {Session | null} */ session) {
  if (problem) return problem.explanation;
  return sessionId === session?.sessionId ? REPLIES.notSent : REPLIES.earlierSession;
}

/** Returns the state of a message whose turn ended without any text. The user knows of a stop, which is no error. */
const outcomeOf = (/** @type {Turn} */ turn) =>
  turn.problem?.reason === 'TURN_CANCELLED'
    ? { state: /** @type {const} */ ('cancelled'), note: REASONS.TURN_CANCELLED }
    : { state: /** @type {const} */ ('unanswered'), error: replyError(turn) };

function replyError(/** @type {Turn} */ { state, text, problem }) {
  if (state === 'failed') {
    const summary = text === '' ? REPLIES.none : REPLIES.brokeOff;
    return `${summary} ${problem?.explanation}`;
  }
  if (state !== 'cut') return '';
  if (problem) return REPLIES.connectionLost;
  return text === '' ? REPLIES.notYet : REPLIES.brokeOff;
}

/** @type {Map<string | undefined, RowState>} finish reason to state, for replies that did not end by themselves */
const FINISH_STATES = new Map([
  ['length', 'shortened'],
  ['content_filter', 'filtered'],
  ['cancelled', 'stopped'],
]);

function authorName(/** @type {Message['role']} */ role, /** @type {string} */ persona) {
  return role === 'assistant' ? persona : AUTHORS[role];
}
