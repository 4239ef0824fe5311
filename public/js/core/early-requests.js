// Requests for the session in the address, which are sent before the other modules are loaded: that takes a slow phone a second.
// The calls that need the responses take them from here.
// @ts-check

import { BASE, CALL_TIMEOUT_MS, historyPath, PAGE_SIZE, sessionPath } from './paths.js';

/** @param {typeof globalThis.fetch} fetch @returns {EarlyRequests} */
export function createEarlyRequests(fetch) {
  /** @type {Map<string, Promise<Response>>} */
  const responses = new Map();

  return {
    requestSession(userId) {
      const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
      for (const path of [sessionPath(userId), historyPath(userId, { limit: PAGE_SIZE })]) {
        const url = `${BASE}/${path}`;
        const response = fetch(url, { cache: 'no-store', headers: { accept: 'application/json' }, signal });
        response.catch(() => {}); // The call that takes the response reports its error.
        responses.set(url, response);
      }
    },

    fetch(url, options) {
      const response = responses.get(url);
      if (!response || options.method !== 'GET') return fetch(url, options);
      responses.delete(url);
      return untilAborted(response, options.signal);
    },

    clear: () => responses.clear(),
  };
}

/** @param {Promise<Response>} response @param {AbortSignal | null | undefined} signal @returns {Promise<Response>} */
function untilAborted(response, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    response.then(resolve, reject);
  });
}

export const earlyRequests = createEarlyRequests((...call) => globalThis.fetch(...call));
