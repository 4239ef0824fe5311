// Every call to the service: paths, bodies, time limits, refusals. The only file that names a path of the REST API.

import { ApiError, readProblem } from './problem.js';

/** A call without an answer by then counts as unreachable. The service itself gives up after 5 s. */
const CALL_TIMEOUT_MS = 10_000;

/**
 * @param {{fetch: typeof fetch, base?: string, now?: () => number, onServerTime?: (serverMs: number) => void}} deps
 */
export function createApi({ fetch, base = 'api', now = Date.now, onServerTime = () => {} }) {
  async function call(method, path, { body, signal, keepalive = false } = {}) {
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const request = {
      method,
      keepalive,
      cache: 'no-store',
      headers: { accept: 'application/json' },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    };
    if (body !== undefined) {
      request.headers['content-type'] = 'application/json';
      request.body = JSON.stringify(body);
    }
    let response;
    let answer;
    try {
      response = await fetch(`${base}/${path}`, request);
      answer = await readJson(response);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new ApiError({ status: 0, detail: 'the service cannot be reached' });
    }
    const served = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(served)) onServerTime(served);
    if (!response.ok) throw readProblem(response.status, response.headers, answer, now());
    return answer;
  }

  const session = (userId) => `session/${encodeURIComponent(userId)}`;

  return {
    config: () => call('GET', 'config'),

    personas: async () => (await call('GET', 'personas')).personas,

    /** `ifExists` is `fail` or `return`. The same `requestId` makes a second attempt safe. */
    create: ({ userId, persona, ifExists = 'fail', requestId }, signal) =>
      call('POST', 'session/create', {
        body: { user_id: userId, ...(persona ? { persona } : {}), if_exists: ifExists, request_id: requestId },
        signal,
      }),

    list: ({ pageSize, pageToken }, signal) =>
      call('GET', `sessions${query({ page_size: pageSize, page_token: pageToken })}`, { signal }),

    session: (userId, signal) => call('GET', session(userId), { signal }),

    /** One page, oldest first. `before` and `after` are exclusive seqs. */
    history: (userId, { limit, before, after }, signal) =>
      call('GET', `${session(userId)}/history${query({ limit, before, after })}`, { signal }),

    touch: (userId, signal) => call('POST', `${session(userId)}/touch`, { signal }),

    /** `keepalive` lets the call outlive the page. */
    remove: (userId, { keepalive = false } = {}) => call('DELETE', session(userId), { keepalive }),

    /**
     * Sends one message and yields what becomes of it: `accepted {message, session?}`, then for a streamed reply `delta {text}`
     * and `done {message}`. This is the one place that knows how a message travels; a repeat with the same `requestId` is safe.
     */
    async *send({ userId, content, requestId }, signal) {
      const body = { messages: [{ role: 'user', content }], request_id: requestId };
      const answer = await call('POST', `${session(userId)}/messages`, { body, signal });
      yield { type: 'accepted', message: answer.messages[0], session: answer.session };
    },
  };
}

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

/** The body as JSON; null where there is none or it is something else, such as a proxy's error page. */
async function readJson(response) {
  if (response.status === 204 || !/[/+]json\b/.test(response.headers.get('content-type') ?? '')) return null;
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
