// Event streams of the sessions of fake-server.js: what GET /api/session/{user_id}/events sends.

const CHECKPOINT_MS = 15_000;
const EXPIRING_MS = 120_000;
/** Length of the preview of a session, in characters. */
const PREVIEW_MAX = 120;

/** Sends an event to all who watch a session. Returns its data. */
export function emit(session, type, data) {
  for (const watcher of session.watchers) watcher.send(type, data);
  return data;
}

/** Ends the event streams of a session that was deleted or has expired. */
export function end(session, reason) {
  emit(session, 'ended', { reason });
  for (const watcher of session.watchers) watcher.end();
}

/** Removes the sessions that have expired, and warns of those that soon will. */
export function sweep(sessions) {
  for (const [userId, session] of sessions) {
    const leftMs = Date.parse(session.expires_at) - Date.now();
    if (leftMs <= 0) {
      end(session, 'expired');
      sessions.delete(userId);
    } else if (leftMs <= Math.min(EXPIRING_MS, session.ttlMs / 4)) {
      for (const watcher of session.watchers) watcher.warn(session.expires_at);
    }
  }
}

/** Streams the events of a session from a cursor on. Writes the response itself. */
export function watch(session, cursor, response) {
  const [incarnation, seq, offset] = cursor?.split('.') ?? [];
  const isKnown = incarnation === session.incarnation && Number(seq) <= session.messages.length;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  let warned = '';
  let silent = false;
  const watcher = {
    send(type, data) {
      if (!silent) response.write(`id: ${cursorOf(session)}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    warn(expiresAt) {
      if (warned !== expiresAt) watcher.send('expiring', { expires_at: expiresAt });
      warned = expiresAt;
    },
    end: () => response.end(),
    cut: () => response.destroy(),
    silence: () => (silent = true),
  };
  session.watchers.add(watcher);
  const now = () => ({ server_time: new Date().toISOString() });
  watcher.send('snapshot', {
    session: render(session),
    ...now(),
    ...runningTurn(session, isKnown && Number(seq) >= session.messages.length ? Number(offset) : 0),
    has_gap: cursor !== null && !isKnown,
  });
  for (const message of session.messages.slice(isKnown ? Number(seq) : session.messages.length))
    watcher.send('message', message);
  const timer = setInterval(() => watcher.send('checkpoint', now()), CHECKPOINT_MS);
  response.on('close', () => {
    clearInterval(timer);
    session.watchers.delete(watcher);
  });
  return null;
}

/** Controls the event streams of a session in a test. */
export const controlEvents = ({ watchers }) => ({
  /** The number of open streams. */
  count: () => watchers.size,
  /** Breaks all streams off. */
  cut: () => watchers.forEach((watcher) => void watcher.cut()),
  /** Sends nothing more in the open streams, as a connection that hangs. */
  silence: () => watchers.forEach((watcher) => void watcher.silence()),
  /** Sends an event in all streams. */
  send: (type, data) => watchers.forEach((watcher) => void watcher.send(type, data)),
});

const cursorOf = ({ incarnation, messages, running }) =>
  [incarnation, messages.length, Buffer.byteLength(running?.text ?? '')].join('.');

function runningTurn({ running }, offset) {
  if (!running) return {};
  const bytes = Buffer.from(running.text);
  const from = offset <= bytes.length ? offset : 0;
  const { requestId, message } = running;
  const text = bytes.subarray(from).toString();
  return { turn: { seq: message.seq + 1, request_id: requestId, offset: from, text } };
}

/** Returns the fields of a session that clients see. */
export function render({ session_id, user_id, persona, metadata, created_at, last_activity, expires_at, messages }) {
  const times = { created_at, last_activity, expires_at };
  const newest = messages.at(-1)?.content.replace(/\s+/g, ' ').trim();
  const preview = newest ? { preview: [...newest].slice(0, PREVIEW_MAX).join('') } : {};
  return { session_id, user_id, persona, metadata, ...times, message_count: messages.length, ...preview };
}
