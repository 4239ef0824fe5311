// Every call to the service: paths, bodies, time limits, refusals. The only file that names a path of the REST API.

import { ApiError, readProblem } from './api-error.js';
import { readEvents } from './sse.js';
import { browserTimers } from './timers.js';

/** A call without an answer by then counts as unreachable. The service itself gives up after 5 s. */
const CALL_TIMEOUT_MS = 10_000;
/** A reply in which nothing is heard for so long is cut off: the service gives a sign of life every 15 s. */
const SILENCE_MS = 45_000;
const REPLY_EVENTS = ['accepted', 'delta', 'done'];

/**
 * @param {{fetch: typeof fetch, base?: string, timers?: object, onServerTime?: (serverMs: number) => void}} deps
 */
export function createApi({ fetch, base = 'api', timers = browserTimers, onServerTime = () => {} }) {
  async function begin(method, path, { body, signal, keepalive = false, accept = 'application/json' }) {
    const request = { method, keepalive, cache: 'no-store', headers: { accept }, signal };
    if (body !== undefined) {
      request.headers['content-type'] = 'application/json';
      request.body = JSON.stringify(body);
    }
    const response = await fetch(`${base}/${path}`, request);
    const served = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(served)) onServerTime(served);
    return response;
  }

  async function call(method, path, { signal, ...more } = {}) {
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
    let response;
    let answer;
    try {
      response = await begin(method, path, { ...more, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
      answer = await readJson(response);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw unreachable();
    }
    if (!response.ok) throw readProblem(response.status, response.headers, answer, timers.now());
    return answer;
  }

  /** Sends a message and yields what comes back, calling `stillThere` for whatever comes. */
  async function* converse(path, body, signal, stillThere) {
    const response = await begin('POST', path, { body, signal, accept: 'text/event-stream' });
    if (!/^text\/event-stream\b/.test(response.headers.get('content-type') ?? '')) {
      throw readProblem(response.ok ? 502 : response.status, response.headers, await readJson(response), timers.now());
    }
    for await (const { type, data } of readEvents(response.body, stillThere)) {
      const said = JSON.parse(data);
      if (type === 'error') throw readProblem(said.status, response.headers, said, timers.now());
      if (REPLY_EVENTS.includes(type)) yield { ...said, type };
      if (type === 'done') return;
    }
    throw unreachable();
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

    /** Where the whole conversation can be had as a file; `format` is `markdown` or `json`. */
    exportAddress: (userId, format) => `${base}/${session(userId)}/export${query({ format })}`,

    /** `keepalive` lets the call outlive the page. */
    remove: (userId, { keepalive = false } = {}) => call('DELETE', session(userId), { keepalive }),

    /**
     * Sends one message and yields what becomes of it: `accepted {message, replayed}` when it is stored, `delta {text}` as the
     * reply grows, `done {message, finish_reason}` when the reply is stored. Throws where that breaks off. Safe to repeat with
     * the same `requestId`.
     */
    async *send({ userId, content, requestId }, signal) {
      const quiet = new AbortController();
      const giveUp = () => quiet.abort();
      let timer = timers.set(giveUp, CALL_TIMEOUT_MS);
      const stillThere = () => {
        timers.clear(timer);
        timer = timers.set(giveUp, SILENCE_MS);
      };
      try {
        const either = signal ? AbortSignal.any([signal, quiet.signal]) : quiet.signal;
        yield* converse(`${session(userId)}/chat`, { message: content, request_id: requestId }, either, stillThere);
      } catch (cause) {
        if (signal?.aborted || cause instanceof ApiError) throw cause;
        throw unreachable();
      } finally {
        timers.clear(timer);
      }
    },
  };
}

const unreachable = () => new ApiError({ status: 0, detail: 'the service cannot be reached' });

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
