// Reads a stream of server-sent events, however its bytes were split on the way. Knows the format, not what the events mean.

/** `push` takes bytes and answers the events they complete: `{type, data}`. Comments, ids and retry times are of no use here. */
export function createSseParser() {
  const decoder = new TextDecoder();
  let line = '';
  /** A LF right behind a CR belongs to the same line end, also when it comes with the next bytes. */
  let afterCr = false;
  let type = '';
  let data = [];

  function endLine(events) {
    const ended = line;
    line = '';
    if (ended === '') {
      if (data.length > 0) events.push({ type: type || 'message', data: data.join('\n') });
      type = '';
      data = [];
      return;
    }
    const colon = ended.indexOf(':');
    const field = colon === -1 ? ended : ended.slice(0, colon);
    const value = colon === -1 ? '' : ended.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    if (field === 'event') type = value;
  }

  return {
    push(bytes) {
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
 * The events of a body, as they come. What an event began and the end of the body cut off is not an event.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} onBytes called for every piece, comments included: somebody is there
 */
export async function* readEvents(body, onBytes = () => {}) {
  const parser = createSseParser();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      yield* parser.push(value);
    }
  } finally {
    // Whoever looks no further lets the connection go. It may have failed already: then there is nothing to let go.
    reader.cancel().catch(() => {});
  }
}
