// Calls of the REST API: paths, bodies, timeouts and errors. The only file that names a path of the API.
// @ts-check

import { ApiError } from './api-error.js';
import { readEvents } from './sse.js';
import { browserTimers } from './timers.js';
import {
  readChatEvent,
  readConfig,
  readCreated,
  readError,
  readHistory,
  readList,
  readPersonas,
  readSession,
} from './wire.js';

/** Timeout of a call. The service itself gives up after 5 s. */
const CALL_TIMEOUT_MS = 10_000;
/** Timeout between two chunks of a chat stream. The service sends a heartbeat every 15 s. */
const STREAM_IDLE_TIMEOUT_MS = 45_000;

/**
 * @param {{fetch: typeof globalThis.fetch, base?: string, timers?: Timers, onServerTime?: (serverMs: number) => void}} deps
 * @returns {Api}
 */
export function createApi({ fetch, base = 'api', timers = browserTimers, onServerTime = () => {} }) {
  /** @type {Set<AccessListener>} */
  const listeners = new Set();
  function reportAccess(/** @type {ApiError | null} */ problem) {
    for (const listener of listeners) listener(problem);
  }

  /** Reads an error response, and reports it if it rejects the credential of this browser. */
  function readFailure(/** @type {number} */ status, /** @type {Headers} */ headers, /** @type {any} */ body) {
    const error = readError(status, headers, body, timers.now());
    if (error.kind === 'unauthenticated') reportAccess(error);
    return error;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} options
   */
  async function request(method, path, { body, signal, keepalive = false, accept = 'application/json' }) {
    const response = await fetch(`${base}/${path}`, {
      method,
      keepalive,
      cache: 'no-store',
      headers: body === undefined ? { accept } : { accept, 'content-type': 'application/json' },
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const serverMs = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(serverMs)) onServerTime(serverMs);
    return response;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} [options]
   */
  async function call(method, path, { signal, ...options } = {}) {
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
    let response;
    let body;
    try {
      response = await request(method, path, {
        ...options,
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      body = await readJson(response);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw unreachable();
    }
    if (!response.ok) throw readFailure(response.status, response.headers, body);
    reportAccess(null);
    return body;
  }

  /**
   * Sends a message and yields the events of its stream. Calls `onActivity` for every chunk.
   *
   * @param {string} path
   * @param {object} body
   * @param {AbortSignal} signal
   * @param {() => void} onActivity
   */
  async function* streamChat(path, body, signal, onActivity) {
    const response = await request('POST', path, { body, signal, accept: 'text/event-stream' });
    const { status, headers } = response;
    if (!response.body || !/^text\/event-stream\b/.test(headers.get('content-type') ?? '')) {
      throw readFailure(response.ok ? 502 : status, headers, await readJson(response));
    }
    reportAccess(null);
    for await (const { type, data } of readEvents(response.body, onActivity)) {
      const wire = JSON.parse(data);
      if (type === 'error') throw readFailure(wire.status, headers, wire);
      const event = readChatEvent(type, wire);
      if (event) yield event;
      if (type === 'done') return;
    }
    throw unreachable();
  }

  return {
    /** Calls `listener` with null after each call that succeeds, and with the error after one that is rejected with 401. */
    onAccess: (listener) => void listeners.add(listener),

    getConfig: async () => readConfig(await call('GET', 'config')),

    listPersonas: async () => readPersonas(await call('GET', 'personas')),

    /** Creates a session. The same `requestId` makes a retry idempotent. */
    async createSession({ userId, persona, ifExists = 'fail', requestId }, signal) {
      const body = { user_id: userId, ...(persona ? { persona } : {}), if_exists: ifExists, request_id: requestId };
      return readCreated(await call('POST', 'session/create', { body, signal }));
    },

    async listSessions({ pageSize, pageToken }, signal) {
      return readList(
        await call('GET', `sessions${query({ page_size: pageSize, page_token: pageToken })}`, { signal }),
      );
    },

    getSession: async (userId, signal) => readSession(await call('GET', sessionPath(userId), { signal })),

    /** Returns a page of messages, oldest first. `before` and `after` are exclusive. */
    async getHistory(userId, { limit, before, after }, signal) {
      return readHistory(
        await call('GET', `${sessionPath(userId)}/history${query({ limit, before, after })}`, { signal }),
      );
    },

    /** Extends a session's lifetime. */
    touchSession: async (userId) => readSession(await call('POST', `${sessionPath(userId)}/touch`)),

    /** Returns the URL of the whole conversation as a file. `format` is `markdown` or `json`. */
    exportUrl: (userId, format) => `${base}/${sessionPath(userId)}/export${query({ format })}`,

    /** Returns the whole conversation as JSON, as it was sent. A body that breaks off is an error. */
    async exportSession(userId, signal) {
      const idle = createIdleTimeout(timers, signal);
      try {
        const response = await request('GET', `${sessionPath(userId)}/export?format=json`, { signal: idle.signal });
        const { ok, status, headers } = response;
        // A page of a proxy would make the file invalid.
        if (!ok || !isJson(headers))
          throw readFailure(ok ? 502 : status, headers, ok ? null : await readJson(response));
        const file = await readBlob(response, idle.restart);
        reportAccess(null);
        return file;
      } catch (cause) {
        if (signal?.aborted || cause instanceof ApiError) throw cause;
        throw unreachable();
      } finally {
        idle.end();
      }
    },

    /** Deletes a session. A call with `keepalive` outlives the page. */
    deleteSession: (userId, { keepalive = false } = {}) => call('DELETE', sessionPath(userId), { keepalive }),

    /**
     * Sends a message and yields `accepted` once it is stored, `delta` as the reply grows and `done` once the reply is stored.
     * Throws if the stream breaks. The same `requestId` makes a retry idempotent.
     */
    async *chat({ userId, content, requestId }, signal) {
      const idle = createIdleTimeout(timers, signal);
      const body = { message: content, request_id: requestId };
      try {
        yield* streamChat(`${sessionPath(userId)}/chat`, body, idle.signal, idle.restart);
      } catch (cause) {
        if (signal?.aborted || cause instanceof ApiError) throw cause;
        throw unreachable();
      } finally {
        idle.end();
      }
    },
  };
}

const sessionPath = (/** @type {string} */ userId) => `session/${encodeURIComponent(userId)}`;

const unreachable = () => new ApiError({ status: 0, detail: 'the service cannot be reached' });

/** Returns the query string of the parameters that have a value. */
function query(/** @type {Record<string, unknown>} */ parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : '';
}

const isJson = (/** @type {Headers} */ headers) => /[/+]json\b/.test(headers.get('content-type') ?? '');

/** Creates a signal that aborts if no response begins in time, or if no chunk of its body follows the previous one in time. */
function createIdleTimeout(/** @type {Timers} */ timers, /** @type {AbortSignal | undefined} */ signal) {
  const idle = new AbortController();
  const abort = () => idle.abort();
  let timer = timers.set(abort, CALL_TIMEOUT_MS);
  return {
    signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
    restart() {
      timers.clear(timer);
      timer = timers.set(abort, STREAM_IDLE_TIMEOUT_MS);
    },
    end: () => timers.clear(timer),
  };
}

/** Reads a body. The browser may keep the parts of a blob on disk. Calls `onChunk` for every chunk. */
async function readBlob(/** @type {Response} */ response, /** @type {() => void} */ onChunk) {
  const reader = response.body?.getReader();
  const chunks = [];
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return new Blob(chunks);
    onChunk();
    chunks.push(value);
  }
}

/** Reads a JSON body. Returns null if there is none or if it is not JSON, such as a proxy's error page. */
async function readJson(/** @type {Response} */ response) {
  if (response.status === 204 || !isJson(response.headers)) return null;
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
