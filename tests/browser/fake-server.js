// A REST API in memory that serves the page too: for work on the page without the program, and for runs with NONO_SCRIPTED=1.
// It implements only the part of the API that the page uses.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chat, createPlans } from './fake-chat.js';

const PUBLIC = fileURLToPath(new URL('../../public/', import.meta.url));
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 };
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; " +
  "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const PERSONAS = [
  ['default', 'Default Assistant', 'A helpful assistant for everyday questions.'],
  ['mental_health_nurse', 'Mental Health Nurse', 'Listens with warmth and without judgement.'],
  ['technical_support', 'Technical Support', 'Finds out what is wrong, one step at a time.'],
  ['creative_writer', 'Creative Writer', 'Writes stories, poems and everything between.'],
].map(([key, name, description]) => ({ key, name, description, role: name, tags: [] }));

/** Starts a server on a free port of 127.0.0.1. `ttl` is the lifetime of a session, such as `1h` or `3s`. */
export async function startFakeServer({ ttl = '1h' } = {}) {
  const sessions = Object.assign(new Map(), { ttlMs: Number.parseInt(ttl, 10) * UNIT_MS[ttl.at(-1)] });
  const plans = createPlans();
  const server = createServer((request, response) => {
    handle(request, sessions, plans, response)
      .catch((error) => (error instanceof Rejection ? error : new Rejection(500, 'INTERNAL', String(error))).result)
      .then((result) => result && response.writeHead(result.status, result.headers).end(result.body));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Plans the next turns of a session: see fake-chat.js. */
    plan: plans.plan,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** An error response. */
class Rejection extends Error {
  constructor(status, reason, detail, violations) {
    super(detail);
    const body = { type: 'about:blank', title: reason, status, detail, reason, violations, request_id: 'fake' };
    const headers = { 'content-type': 'application/problem+json' };
    if (reason === 'TURN_IN_PROGRESS' || status === 503) headers['retry-after'] = '1';
    this.result = { status, headers, body: JSON.stringify(body) };
  }
}

async function handle(request, sessions, plans, response) {
  const url = new URL(request.url, 'http://fake');
  if (!url.pathname.startsWith('/api/')) return serveFile(url.pathname);
  const body = await readBody(request);
  for (const [userId, session] of sessions) if (Date.parse(session.expires_at) <= Date.now()) sessions.delete(userId);
  const [, , first, second, third] = url.pathname.split('/').map(decodeURIComponent);
  const route = `${request.method} ${first}${second === 'create' ? '/create' : ''}${third ? `/${third}` : ''}`;
  const live = () => {
    const session = sessions.get(second);
    if (!session) throw new Rejection(404, 'SESSION_NOT_FOUND', 'no live session has this user_id');
    return session;
  };
  switch (route) {
    case 'GET config':
      return json({
        title: 'Nono Chat Bot',
        powered_by: 'built-in demo replies',
        session_ttl_seconds: sessions.ttlMs / 1000,
        server_time: new Date().toISOString(),
        limits: { user_id_max_bytes: 128, message_content_max_bytes: 32768 },
      });
    case 'GET personas':
      return json({ personas: PERSONAS });
    case 'POST session/create':
      return create(body, sessions);
    case 'GET sessions':
      return list(url.searchParams, sessions);
    case 'GET session':
      return json(render(live()));
    case 'GET session/history':
      return history(url.searchParams, live());
    case 'POST session/messages':
      return append(body, live());
    case 'POST session/chat': {
      rejectUnknown(body, ['message', 'request_id', 'metadata']);
      const session = live();
      const reject = (...fields) => new Rejection(...fields);
      const add = (role, content) => store(session, [{ role, content }], () => 'message')[0];
      return chat({ body, session, plans, request, response, append: add, reject });
    }
    case 'GET session/export':
      return exportSession(url.searchParams.get('format'), live());
    case 'POST session/touch':
      return json(render(touch(live())));
    case 'DELETE session':
      sessions.delete(live().user_id);
      return { status: 204, headers: {} };
    default:
      throw new Rejection(404, undefined, `no such path: ${url.pathname}`);
  }
}

function create(body, sessions) {
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
    creation_request_id: requestId,
  };
  sessions.set(userId, touch(session));
  return json({ ...render(session), created: true });
}

function list(parameters, sessions) {
  const size = Number(parameters.get('page_size') ?? 100);
  const from = Number(parameters.get('page_token') ?? 0);
  const all = [...sessions.values()].sort((a, b) => b.last_activity.localeCompare(a.last_activity));
  const next = from + size < all.length ? { next_page_token: String(from + size) } : {};
  return json({ sessions: all.slice(from, from + size).map(render), count: all.length, ...next });
}

function history(parameters, { user_id: userId, messages }) {
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

function exportSession(format, session) {
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

function append(body, session) {
  rejectUnknown(body, ['messages', 'request_id']);
  const known = session.appends.get(body.request_id);
  if (known) return json({ messages: known, session: render(session), replayed: true });
  const stored = store(session, body.messages, (index) => `messages[${index}].content`);
  if (body.request_id) session.appends.set(body.request_id, stored);
  return json({ messages: stored, session: render(session), replayed: false });
}

function store(session, messages, fieldOf) {
  const stored = messages.map(({ role, content, metadata = {} }, index) => {
    if (!content || Buffer.byteLength(content) > 32768) {
      throw new Rejection(400, 'INVALID_ARGUMENT', 'invalid request', [
        { field: fieldOf(index), description: 'must be 1 byte to 32 KiB' },
      ]);
    }
    return { seq: session.messages.length + index + 1, role, content, metadata, timestamp: new Date().toISOString() };
  });
  session.messages.push(...stored);
  touch(session);
  return stored;
}

function touch(session) {
  session.last_activity = new Date().toISOString();
  session.expires_at = new Date(Date.now() + session.ttlMs).toISOString();
  return session;
}

function render({ messages, appends, creation_request_id, turns, busy, ttlMs, ...session }) {
  return { ...session, message_count: messages.length };
}

function rejectUnknown(body, known) {
  const violations = Object.keys(body)
    .filter((field) => !known.includes(field))
    .map((field) => ({ field, description: 'is not known' }));
  if (violations.length) throw new Rejection(400, 'INVALID_ARGUMENT', 'unknown fields', violations);
}

async function readBody(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

const json = (value) => ({ status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });

async function serveFile(path) {
  const name = normalize(path === '/' ? '/index.html' : path);
  try {
    const body = await readFile(join(PUBLIC, name));
    const headers = {
      'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
      'content-security-policy': CSP,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    };
    return { status: 200, headers, body };
  } catch {
    return new Rejection(404, undefined, 'no such file').result;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(`page: ${(await startFakeServer()).url}`);
