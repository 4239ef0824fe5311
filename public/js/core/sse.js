// Parses a stream of server-sent events, independent of how its bytes are split.
// @ts-check

/** Creates a parser. Comments and retry times are ignored. The id of an event applies to those after it that have none. */
export function createSseParser() {
  const decoder = new TextDecoder();
  let line = '';
  /** A LF after a CR belongs to the same line end, even if it arrives with the next chunk. */
  let afterCr = false;
  let type = '';
  let id = '';
  /** @type {string[]} */
  let data = [];

  function endLine(/** @type {ServerSentEvent[]} */ events) {
    const ended = line;
    line = '';
    if (ended === '') {
      if (data.length > 0) events.push({ type: type || 'message', data: data.join('\n'), id });
      type = '';
      data = [];
      return;
    }
    const colon = ended.indexOf(':');
    const field = colon === -1 ? ended : ended.slice(0, colon);
    const value = colon === -1 ? '' : ended.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    if (field === 'event') type = value;
    if (field === 'id' && !value.includes('\0')) id = value;
  }

  return {
    /** Parses a chunk and returns the events that it completes. */
    push(/** @type {Uint8Array} */ bytes) {
      /** @type {ServerSentEvent[]} */
      const events = [];
      for (const piece of decoder.decode(bytes, { stream: true }).split(/(\r|\n)/)) {
        if (piece === '') continue;
        const continuesCr = afterCr && piece === '\n';
        afterCr = piece === '\r';
        if (continuesCr) continue;
        if (piece === '\r' || piece === '\n') endLine(events);
        else line += piece;
      }
      return events;
    },
  };
}

/**
 * Yields the events of a body. An event that is incomplete at the end of the body is dropped.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} onChunk called for every chunk, also if it has comments only
 */
export async function* readEvents(body, onChunk = () => {}) {
  const parser = createSseParser();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onChunk();
      yield* parser.push(value);
    }
  } finally {
    // Closes the connection if the caller stops early. Fails if the connection has failed already.
    reader.cancel().catch(() => {});
  }
}
