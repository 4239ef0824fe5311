// Calls of the REST API: bodies, timeouts and errors.
// @ts-check

import { ApiError } from './api-error.js';
import { BASE, CALL_TIMEOUT_MS, historyPath, query, sessionPath } from './paths.js';
import { createIdleTimeout, isJson, readBlob, readJson } from './response-body.js';
import { readEvents } from './sse.js';
import { browserTimers } from './timers.js';
import {
  readCancelled,
  readChatEvent,
  readConfig,
  readCreated,
  readError,
  readHistory,
  readList,
  readLiveEvent,
  readPersonas,
  readSession,
} from './wire.js';

/** Timeout between two chunks of a chat stream or an export. The service sends a heartbeat every 15 s. */
const STREAM_IDLE_TIMEOUT_MS = 45_000;
/** Timeout between two chunks of an event stream, which has a checkpoint every 15 s. Silence over 20 s is a fault. */
const EVENTS_IDLE_TIMEOUT_MS = 20_000;

/**
 * @param {{fetch: EarlyRequests['fetch'], base?: string, timers?: Timers, onServerTime?: (serverMs: number) => void}} deps
 * @returns {Api}
 */
export function createApi({ fetch, base = BASE, timers = browserTimers, onServerTime = () => {} }) {
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
   * Makes a call whose response is a stream of events, and yields each as `read` returns it, with its id. An error response, an
   * `error` event and the end of the stream are errors.
   *
   * @template Event
   * @param {string} method
   * @param {string} path
   * @param {{body?: object, signal?: AbortSignal, idleMs: number, read: (type: string, wire: any) => Event | null}} options
   */
  async function* stream(method, path, { body, signal, idleMs, read }) {
    const idle = createIdleTimeout(timers, CALL_TIMEOUT_MS, idleMs, signal);
    try {
      const response = await request(method, path, { body, signal: idle.signal, accept: 'text/event-stream' });
      const { status, headers } = response;
      if (!response.body || !/^text\/event-stream\b/.test(headers.get('content-type') ?? '')) {
        throw readFailure(response.ok ? 502 : status, headers, await readJson(response));
      }
      reportAccess(null);
      for await (const { type, data, id } of readEvents(response.body, idle.restart)) {
        const wire = JSON.parse(data);
        if (type === 'error') throw readFailure(wire.status, headers, wire);
        const event = read(type, wire);
        if (event) yield { event, id };
      }
      throw unreachable();
    } catch (cause) {
      if (signal?.aborted || cause instanceof ApiError) throw cause;
      throw unreachable();
    } finally {
      idle.end();
    }
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
    async getHistory(userId, range, signal) {
      return readHistory(await call('GET', historyPath(userId, range), { signal }));
    },

    /** Extends a session's lifetime. */
    touchSession: async (userId) => readSession(await call('POST', `${sessionPath(userId)}/touch`)),

    /** Returns the URL of the whole conversation as a file. `format` is `markdown` or `json`. */
    exportUrl: (userId, format) => `${base}/${sessionPath(userId)}/export${query({ format })}`,

    /** Returns the whole conversation as JSON, as it was sent. A body that breaks off is an error. */
    async exportSession(userId, signal) {
      const idle = createIdleTimeout(timers, CALL_TIMEOUT_MS, STREAM_IDLE_TIMEOUT_MS, signal);
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
      const body = { message: content, request_id: requestId };
      const options = { body, signal, idleMs: STREAM_IDLE_TIMEOUT_MS, read: readChatEvent };
      for await (const { event } of stream('POST', `${sessionPath(userId)}/chat`, options)) {
        yield event;
        if (event.type === 'done') return;
      }
    },

    /** Stops the running turn of a session. A turn with another `requestId` goes on; null is any turn. */
    async cancelChat(userId, requestId) {
      const body = requestId === null ? {} : { request_id: requestId };
      return readCancelled(await call('POST', `${sessionPath(userId)}/chat/cancel`, { body }));
    },

    /**
     * Yields the events of a session, from `cursor` on, until the session ends. Throws if the stream breaks or is silent. Each
     * event has the cursor to go on from.
     */
    async *watchSession(userId, cursor, signal) {
      const read = (/** @type {string} */ type, /** @type {any} */ wire) => readLiveEvent(type, wire, timers.now());
      const path = `${sessionPath(userId)}/events${query({ cursor })}`;
      for await (const { event, id } of stream('GET', path, { signal, idleMs: EVENTS_IDLE_TIMEOUT_MS, read })) {
        yield { ...event, cursor: id };
        if (event.type === 'ended') return;
      }
    },
  };
}

const unreachable = () => new ApiError({ status: 0, detail: 'the service cannot be reached' });
