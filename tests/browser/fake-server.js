// A REST API in memory that serves the page too: for work on the page without the program, and for runs with NONO_SCRIPTED=1.
// It implements only the part of the API that the page uses.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cancel, chat, createPlans } from './fake-chat.js';
import { controlEvents, emit, end, render, sweep, watch } from './fake-events.js';
import {
  append,
  create,
  exportSession,
  history,
  json,
  list,
  PERSONAS,
  Rejection,
  rejectUnknown,
  store,
  touch,
} from './fake-sessions.js';

const PUBLIC = fileURLToPath(new URL('../../public/', import.meta.url));
/** Interval in which sessions expire. */
const SWEEP_MS = 100;
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 };
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; " +
  "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/** Starts a server on a free port of 127.0.0.1. `ttl` is the lifetime of a session, such as `1h` or `3s`. */
export async function startFakeServer({ ttl = '1h', auth = 'none' } = {}) {
  const sessions = Object.assign(new Map(), { auth, ttlMs: Number.parseInt(ttl, 10) * UNIT_MS[ttl.at(-1)] });
  const plans = createPlans();
  let outage = null;
  const server = createServer((request, response) => {
    if (outage && request.url.startsWith('/api/')) {
      outage.calls.push(`${request.method} ${request.url}`);
      if (!outage.status) return request.socket.destroy();
      const { status, headers, body } = new Rejection(outage.status, outage.reason, 'an outage').result;
      return response.writeHead(status, headers).end(body);
    }
    handle(request, sessions, plans, response)
      .catch((error) => (error instanceof Rejection ? error : new Rejection(500, 'INTERNAL', String(error))).result)
      .then((result) => result && response.writeHead(result.status, result.headers).end(result.body));
  });
  const sweeper = setInterval(() => sweep(sessions), SWEEP_MS);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Plans the next turns of a session: see fake-chat.js. */
    plan: plans.plan,
    /**
     * Begins an outage: every call fails with `{status, reason}`, or without a response if there is no status. Returns the calls,
     * as they come, and a function that ends the outage.
     */
    fail({ status, reason } = {}) {
      outage = { status, reason, calls: [] };
      for (const session of sessions.values()) for (const watcher of session.watchers) watcher.cut();
      return { calls: outage.calls, end: () => void (outage = null) };
    },
    /** Controls the event streams of a session: see fake-events.js. */
    events: (userId) => controlEvents(sessions.get(userId)),
    stop: () =>
      new Promise((resolve) => {
        clearInterval(sweeper);
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

async function handle(request, sessions, plans, response) {
  const url = new URL(request.url, 'http://fake');
  if (!url.pathname.startsWith('/api/')) return serveFile(url.pathname);
  const body = await readBody(request);
  sweep(sessions);
  const [, , first, second, ...rest] = url.pathname.split('/').map(decodeURIComponent);
  const route = [`${request.method} ${first}`, ...(second === 'create' ? [second] : []), ...rest].join('/');
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
        auth: sessions.auth,
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
      const add = (role, content, finish) => store(session, [{ role, content, finish }], () => 'message')[0];
      return chat({ body, session, plans, request, response, append: add, reject });
    }
    case 'POST session/chat/cancel':
      rejectUnknown(body, ['request_id']);
      return json(await cancel(body, live()));
    case 'GET session/events': {
      const cursor = request.headers['last-event-id'] ?? url.searchParams.get('cursor');
      if (cursor !== null && !/^[\w-]+\.\d+\.\d+$/.test(cursor))
        throw new Rejection(400, 'INVALID_ARGUMENT', 'the cursor is invalid');
      return watch(live(), cursor, response);
    }
    case 'GET session/export':
      return exportSession(url.searchParams.get('format'), live());
    case 'POST session/touch':
      return json(emit(touch(live()), 'session', render(live())));
    case 'DELETE session':
      end(live(), 'deleted');
      sessions.delete(second);
      return { status: 204, headers: {} };
    default:
      throw new Rejection(404, undefined, `no such path: ${url.pathname}`);
  }
}

async function readBody(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

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
