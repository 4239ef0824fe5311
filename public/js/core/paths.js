// Paths of the REST API, and what the requests of all modules have in common.
// @ts-check

/** Prefix of all paths, relative to the page. */
export const BASE = 'api';
/** Timeout of a call. The service itself gives up after 5 s. */
export const CALL_TIMEOUT_MS = 10_000;
/** Messages per page of a conversation. */
export const PAGE_SIZE = 50;

export const sessionPath = (/** @type {string} */ userId) => `session/${encodeURIComponent(userId)}`;

/** Returns the path of a page of messages. `before` and `after` are exclusive. */
export const historyPath = (
  /** @type {string} */ userId,
  /** @type {{limit: number, before?: number, after?: number}} */ { limit, before, after },
) => `${sessionPath(userId)}/history${query({ limit, before, after })}`;

/** Returns the query string of the parameters that have a value. */
export function query(/** @type {Record<string, unknown>} */ parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : '';
}
