// The conversation as rows to draw: day marks, stored messages, messages on their way, the reply being written.

import { nameOf } from './personas.js';
import { clockTime, dayOf } from './format-time.js';

/** @returns {{key: string, kind: 'day' | 'message', ...}[]} a row whose fields are equal need not be drawn again */
export function rowsOf({ messages, pending, reply, personas, session, view }, nowMs) {
  const rows = [];
  const persona = nameOf(personas, session?.persona);
  const lastIsMine = messages.at(-1)?.role === 'user' && !reply;
  // Nothing came of the reply: then the message itself says so.
  const unanswered = reply?.state === 'failed' && reply.text === '' ? reply : null;
  // A message is stored a moment before it leaves the outbox: it is one row all the while.
  const stored = new Set(messages.map(({ key }) => key));
  let day = '';

  const add = (row) => {
    const rowDay = dayOf(row.timestamp, nowMs);
    if (rowDay && rowDay !== day) rows.push({ key: `day ${rowDay}`, kind: 'day', content: rowDay });
    day = rowDay || day;
    rows.push({ kind: 'message', author: authorOf(row.role, persona), time: clockTime(row.timestamp), ...row });
  };

  messages.forEach((message, index) => {
    const { seq, role, content, timestamp, key, finish } = message;
    const newest = index === messages.length - 1;
    const row = { key: key ?? `seq ${seq}`, role, content, timestamp };
    if (unanswered?.seq === seq && role === 'user') {
      add({ ...row, state: 'unanswered', requestId: unanswered.request_id, fault: replyFault(unanswered) });
    } else add({ ...row, state: newest && lastIsMine ? 'sent' : (FINISHES[finish] ?? 'stored') });
  });
  if (reply && !unanswered && !stored.has(replyKey(reply.request_id))) {
    add({
      key: replyKey(reply.request_id),
      role: 'assistant',
      content: reply.text,
      timestamp: reply.started_at,
      state: reply.state === 'failed' ? 'cut' : reply.state,
      requestId: reply.request_id,
      fault: replyFault(reply),
      note: reply.state === 'stopped' ? STOPPED : '',
    });
  }
  for (const entry of pending.filter(({ request_id: id }) => !stored.has(sentKey(id)))) {
    add({
      key: sentKey(entry.request_id),
      role: 'user',
      content: entry.content,
      timestamp: entry.created_at,
      state: entry.state,
      requestId: entry.request_id,
      fault: entry.state === 'failed' ? faultOf(entry, session) : '',
      // A session that is no more takes nothing: it must be started again first, and then takes this by itself.
      retriable: view !== 'gone',
    });
  }
  return rows;
}

/** The row of a message and, once stored, of the same message: one row, so it is neither redrawn nor read out twice. */
export const sentKey = (requestId) => `sent ${requestId}`;
export const replyKey = (requestId) => `reply ${requestId}`;

/** The row in which this message is drawn already, if it is the reply that was being waited for. */
export function rowOfReply({ reply, messages }, { role, seq }) {
  if (!reply || reply.state === 'streaming' || role !== 'assistant' || seq <= reply.seq) return undefined;
  const key = replyKey(reply.request_id);
  return messages.some((message) => message.key === key) ? undefined : key;
}

/** Why a message was not sent: what the service said, or what can be seen from the entry itself. */
function faultOf({ problem, session_id: meantFor }, session) {
  if (problem) return problem.explanation;
  return meantFor === session.session_id ? 'It could not be sent.' : 'It was meant for an earlier session of this name.';
}

/** What became of a reply that did not come as it should. */
function replyFault({ state, text, problem }) {
  if (state === 'failed') {
    const what = text === '' ? 'Your message is stored, but no reply came.' : 'The reply broke off.';
    return `${what} ${problem.explanation}`;
  }
  if (state !== 'cut') return '';
  return problem ? 'The connection was lost before the reply was complete.' : 'No reply has come so far.';
}

const STOPPED = 'You stopped watching. The reply is still being written and stored, and will be shown here once it is complete.';

/** How a stored reply ended, where it was not by itself. */
const FINISHES = { length: 'shortened', content_filter: 'filtered' };

function authorOf(role, persona) {
  if (role === 'user') return 'You';
  return role === 'assistant' ? persona : 'System';
}
