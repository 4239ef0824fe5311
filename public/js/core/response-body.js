// Reads the bodies of responses, and bounds the time between their chunks.
// @ts-check

/** Returns true if a response claims to be JSON. */
export const isJson = (/** @type {Headers} */ headers) => /[/+]json\b/.test(headers.get('content-type') ?? '');

/**
 * Creates a signal that aborts if no response begins within `callMs`, or if no chunk of its body follows the previous one within
 * `idleMs`.
 *
 * @param {Timers} timers
 * @param {number} callMs
 * @param {number} idleMs
 * @param {AbortSignal} [signal]
 */
export function createIdleTimeout(timers, callMs, idleMs, signal) {
  const idle = new AbortController();
  const abort = () => idle.abort();
  let timer = timers.set(abort, callMs);
  return {
    signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
    restart() {
      timers.clear(timer);
      timer = timers.set(abort, idleMs);
    },
    end: () => timers.clear(timer),
  };
}

/** Reads a body. The browser may keep the parts of a blob on disk. Calls `onChunk` for every chunk. */
export async function readBlob(/** @type {Response} */ response, /** @type {() => void} */ onChunk) {
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
export async function readJson(/** @type {Response} */ response) {
  if (response.status === 204 || !isJson(response.headers)) return null;
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
