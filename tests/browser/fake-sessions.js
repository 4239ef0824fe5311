// The sessions of fake-server.js: requests of the REST API and their responses, in memory.

import { randomUUID } from 'node:crypto';
import { emit, render } from './fake-events.js';

export const PERSONAS = [
  ['default', 'Default Assistant', 'A helpful assistant for everyday questions.'],
  ['mental_health_nurse', 'Mental Health Nurse', 'Listens with warmth and without judgement.'],
  ['technical_support', 'Technical Support', 'Finds out what is wrong, one step at a time.'],
  ['creative_writer', 'Creative Writer', 'Writes stories, poems and everything between.'],
].map(([key, name, description]) => ({ key, name, description, role: name, tags: [] }));

/** An error response. */
export class Rejection extends Error {
  constructor(status, reason, detail, violations) {
    super(detail);
    const body = { type: 'about:blank', title: reason, status, detail, reason, violations, request_id: 'fake' };
    const headers = { 'content-type': 'application/problem+json' };
    if (reason === 'TURN_IN_PROGRESS' || status === 503) headers['retry-after'] = '1';
    this.result = { status, headers, body: JSON.stringify(body) };
  }
}

export const json = (value) => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

export function create(body, sessions) {
  const {
    user_id: userId,
    persona = 'default',
    metadata = {},
    if_exists: ifExists = 'fail',
    request_id: requestId,
  } = body;
  rejectUnknown(body, ['user_id', 'persona', 'metadata', 'if_exists', 'request_id']);
  if (typeof userId !== 'string' || userId.trim() !== userId || userId === '' || Buffer.byteLength(userId) > 128) {
    throw new Rejection(400, 'INVALID_ARGUMENT', 'invalid request', [
      { field: 'user_id', description: 'must be 1-128 bytes' },
    ]);
  }
  if (!PERSONAS.some(({ key }) => key === persona)) {
    throw new Rejection(400, 'INVALID_ARGUMENT', 'invalid request', [
      { field: 'persona', description: 'is not known' },
    ]);
  }
  const existing = sessions.get(userId);
  if (existing && existing.creation_request_id !== requestId) {
    if (ifExists !== 'return') throw new Rejection(409, 'SESSION_EXISTS', 'a live session has this user_id');
    return json({ ...render(existing), created: false });
  }
  const now = Date.now();
  const session = existing ?? {
    session_id: `session_${userId}_${Math.floor(now / 1000)}`,
    user_id: userId,
    persona,
    metadata,
    created_at: new Date(now).toISOString(),
    messages: [],
    ttlMs: sessions.ttlMs,
    appends: new Map(),
    incarnation: randomUUID(),
    watchers: new Set(),
    creation_request_id: requestId,
  };
  sessions.set(userId, touch(session));
  return json({ ...render(session), created: true });
}

export function list(parameters, sessions) {
  const size = Number(parameters.get('page_size') ?? 100);
  const from = Number(parameters.get('page_token') ?? 0);
  const all = [...sessions.values()].sort((a, b) => b.last_activity.localeCompare(a.last_activity));
  const next = from + size < all.length ? { next_page_token: String(from + size) } : {};
  return json({ sessions: all.slice(from, from + size).map(render), count: all.length, ...next });
}

export function history(parameters, { user_id: userId, messages }) {
  const limit = Number(parameters.get('limit') ?? 100);
  const before = Number(parameters.get('before') ?? Infinity);
  const after = Number(parameters.get('after') ?? 0);
  const within = messages.filter(({ seq }) => seq < before && seq > after);
  const page = parameters.has('after') ? within.slice(0, limit) : within.slice(-limit);
  return json({
    user_id: userId,
    message_count: messages.length,
    messages: page,
    has_more: within.length > page.length,
  });
}

export function exportSession(format, session) {
  const { session_id: id, messages } = session;
  const [type, ending] =
    { markdown: ['text/markdown; charset=utf-8', 'md'], json: ['application/json', 'json'] }[format] ?? [];
  if (!type)
    throw new Rejection(400, 'INVALID_ARGUMENT', 'invalid request', [
      { field: 'format', description: 'is markdown or json' },
    ]);
  const body =
    format === 'json'
      ? JSON.stringify({ session: render(session), messages })
      : messages.map(({ role, content }) => `## ${role}\n\n${content}\n`).join('\n');
  const name = `filename*=UTF-8''${encodeURIComponent(id)}.${ending}`;
  return { status: 200, headers: { 'content-type': type, 'content-disposition': `attachment; ${name}` }, body };
}

export function append(body, session) {
  rejectUnknown(body, ['messages', 'request_id']);
  const known = session.appends.get(body.request_id);
  if (known) return json({ messages: known, session: render(session), replayed: true });
  const stored = store(session, body.messages, (index) => `messages[${index}].content`);
  if (body.request_id) session.appends.set(body.request_id, stored);
  return json({ messages: stored, session: render(session), replayed: false });
}

export function store(session, messages, fieldOf) {
  const stored = messages.map(({ role, content, metadata = {} }, index) => {
    if (!content || Buffer.byteLength(content) > 32768) {
      throw new Rejection(400, 'INVALID_ARGUMENT', 'invalid request', [
        { field: fieldOf(index), description: 'must be 1 byte to 32 KiB' },
      ]);
    }
    return { seq: session.messages.length + index + 1, role, content, metadata, timestamp: new Date().toISOString() };
  });
  touch(session);
  for (const [index, message] of stored.entries()) {
    const { finish } = messages[index];
    if (finish) message.finish_reason = finish;
    session.messages.push(message);
    emit(session, 'message', message);
  }
  return stored;
}

export function touch(session) {
  session.last_activity = new Date().toISOString();
  session.expires_at = new Date(Date.now() + session.ttlMs).toISOString();
  return session;
}

export function rejectUnknown(body, known) {
  const violations = Object.keys(body)
    .filter((field) => !known.includes(field))
    .map((field) => ({ field, description: 'is not known' }));
  if (violations.length) throw new Rejection(400, 'INVALID_ARGUMENT', 'unknown fields', violations);
}
