// The wire format of the REST API: maps its names to those of the page. Only this file and api.js use the wire's names.
// @ts-check

import { ApiError } from './api-error.js';

/** Upper bound of the wait that a server can request. */
const RETRY_AFTER_MAX_MS = 10 * 60 * 1000;

/** @returns {Session} */
export const readSession = (/** @type {any} */ wire) => ({
  userId: wire.user_id,
  sessionId: wire.session_id,
  persona: wire.persona,
  messageCount: wire.message_count ?? 0,
  createdAt: wire.created_at,
  lastActivity: wire.last_activity,
  expiresAt: wire.expires_at,
  preview: text(wire.preview),
});

export const readCreated = (/** @type {any} */ wire) => ({ ...readSession(wire), created: wire.created === true });

/** @returns {{sessions: Session[], count: number, nextToken: string | null}} */
export const readList = (/** @type {any} */ wire) => ({
  sessions: wire.sessions.map(readSession),
  count: wire.count,
  nextToken: wire.next_page_token || null,
});

/** @returns {HistoryPage} */
export const readHistory = (/** @type {any} */ wire) => ({
  messages: wire.messages.map(readMessage),
  hasMore: wire.has_more,
});

/**
 * Reads a message. A reply may have the reason of its end.
 *
 * @returns {Message}
 */
function readMessage(/** @type {any} */ { finish_reason: finish, ...message }) {
  return finish ? { ...message, finish } : message;
}

/** @returns {Config} */
export const readConfig = (/** @type {any} */ wire) => ({
  title: wire.title,
  poweredBy: wire.powered_by,
  auth: wire.auth,
  sessionTtlSeconds: wire.session_ttl_seconds,
  serverTime: wire.server_time,
  limits: {
    userIdMaxBytes: wire.limits?.user_id_max_bytes,
    messageContentMaxBytes: wire.limits?.message_content_max_bytes,
  },
});

/** @returns {Persona[]} */
export const readPersonas = (/** @type {any} */ wire) => wire.personas;

/**
 * Reads an event of a chat stream. Returns null for an event of an unknown type.
 *
 * @param {string} type
 * @param {any} wire
 * @returns {ChatEvent | null}
 */
export function readChatEvent(type, wire) {
  if (type === 'accepted') return { type, message: readMessage(wire.message), replayed: wire.replayed };
  if (type === 'delta') return { type, text: wire.text };
  return type === 'done' ? { type, message: readMessage(wire.message), finishReason: wire.finish_reason } : null;
}

/**
 * Reads an event of a session's event stream. Returns null for an event of an unknown type.
 *
 * @param {string} type
 * @param {any} wire
 * @param {number} nowMs
 * @returns {LiveEvent | null}
 */
export function readLiveEvent(type, wire, nowMs) {
  switch (type) {
    case 'snapshot':
      return {
        type,
        session: readSession(wire.session),
        serverMs: Date.parse(wire.server_time),
        turn: wire.turn ? { ...readTurn(wire.turn), offset: wire.turn.offset, text: wire.turn.text } : null,
        hasGap: wire.has_gap === true,
      };
    case 'message':
      return { type, message: readMessage(wire) };
    case 'turn': {
      const problem = wire.problem ? readError(wire.problem.status, new Headers(), wire.problem, nowMs) : null;
      return { type, state: wire.state, ...readTurn(wire), problem };
    }
    case 'delta':
      return { type, seq: wire.seq, offset: wire.offset, text: wire.text };
    case 'session':
      return { type, session: readSession(wire) };
    case 'expiring':
      return { type, expiresAt: wire.expires_at };
    case 'ended':
      return { type, reason: wire.reason };
    case 'checkpoint':
      return { type, serverMs: Date.parse(wire.server_time) };
    default:
      return null;
  }
}

const readTurn = (/** @type {any} */ wire) => ({ seq: wire.seq, requestId: text(wire.request_id) });

/** @returns {{cancelled: boolean, message: Message | null}} */
export const readCancelled = (/** @type {any} */ wire) => ({
  cancelled: wire.cancelled === true,
  message: wire.message ? readMessage(wire.message) : null,
});

/**
 * Reads an error response.
 *
 * @param {number} status
 * @param {Headers} headers
 * @param {any} body the parsed problem+json, or null if there was none
 * @param {number} nowMs
 */
export function readError(status, headers, body, nowMs) {
  const problem = body && typeof body === 'object' ? body : {};
  return new ApiError({
    status,
    reason: text(problem.reason),
    detail: text(problem.detail) || text(problem.title),
    violations: Array.isArray(problem.violations) ? problem.violations.map(readViolation) : [],
    retryAfterMs: parseRetryAfter(problem.retry_after_ms, headers.get('retry-after'), nowMs),
    requestId: text(problem.request_id) || headers.get('x-request-id') || '',
    loginUrl: parseLoginUrl(problem.login_url),
  });
}

/** Stands for the origin of the page, which core does not know. */
const OWN_ORIGIN = 'http://page';

/**
 * Returns the address of a login page: an absolute one with http or https, or a path of this server. Returns null for anything
 * else, such as `javascript:` or the protocol-relative `//host`.
 */
export function parseLoginUrl(/** @type {unknown} */ value) {
  if (typeof value !== 'string' || !URL.canParse(value, OWN_ORIGIN)) return null;
  const { protocol, origin, href } = new URL(value, OWN_ORIGIN);
  if (/^https?:[/]{2}/i.test(value)) return protocol === 'http:' || protocol === 'https:' ? href : null;
  const path = origin === OWN_ORIGIN ? href.slice(OWN_ORIGIN.length) : '';
  // The parser removes dots and control characters, after which a path can begin like the name of a host.
  return /^\/(?!\/)/.test(path) && value.startsWith('/') ? path : null;
}

/** @returns {Violation} */
const readViolation = (/** @type {any} */ wire) => ({ field: text(wire?.field), description: text(wire?.description) });

/**
 * Returns the wait that a server requests, in milliseconds, or null.
 *
 * @param {unknown} milliseconds
 * @param {string | null} header seconds or an HTTP date
 * @param {number} nowMs
 */
export function parseRetryAfter(milliseconds, header, nowMs) {
  let wait = null;
  if (typeof milliseconds === 'number' && Number.isFinite(milliseconds)) wait = milliseconds;
  else if (/^\d+$/.test(header ?? '')) wait = Number(header) * 1000;
  else if (header && !Number.isNaN(Date.parse(header))) wait = Date.parse(header) - nowMs;
  return wait === null ? null : Math.min(Math.max(wait, 0), RETRY_AFTER_MAX_MS);
}

const text = (/** @type {unknown} */ value) => (typeof value === 'string' ? value : '');
