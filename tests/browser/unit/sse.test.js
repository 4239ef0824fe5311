// Server-sent events: the same events for any split of the bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSseParser, readEvents } from '../../../public/js/core/sse.js';
import { eventResponse } from './fakes.js';

const bytes = (text) => new TextEncoder().encode(text);

function parse(...chunks) {
  const parser = createSseParser();
  return chunks.flatMap((chunk) => parser.push(typeof chunk === 'string' ? bytes(chunk) : chunk));
}

const STREAM =
  '\uFEFF: hello\n\nevent: accepted\ndata: {"a":"ü€😀"}\n\n:\n\nevent:delta\r\ndata: one\r\ndata:two\r\nid: 7\r\n\r\n' +
  'retry: 5\rdata: naked\r\revent: done\ndata\ndata:  two spaces\n\nevent: nothing\n\ndata: cut off';
const EVENTS = [
  { type: 'accepted', data: '{"a":"ü€😀"}', id: '' },
  { type: 'delta', data: 'one\ntwo', id: '7' },
  { type: 'message', data: 'naked', id: '7' },
  { type: 'done', data: '\n two spaces', id: '7' },
];

test('a stream with every line end, comments, unknown fields and an incomplete end has its events', () => {
  assert.deepEqual(parse(STREAM), EVENTS);
});

test('an id applies to later events until another one, also if it is empty or precedes an event without data', () => {
  const ids = parse('id: 1\ndata: a\n\nid: 2\n\ndata: b\n\nid: \0\ndata: c\n\nid\ndata: d\n\n').map(({ id }) => id);
  assert.deepEqual(ids, ['1', '2', '2', '']);
});

test('every split into two chunks has the same events, also within a character or a line end', () => {
  const all = bytes(STREAM);
  for (let at = 0; at <= all.length; at += 1)
    assert.deepEqual(parse(all.slice(0, at), all.slice(at)), EVENTS, `split at byte ${at}`);
});

test('every split into three chunks has the same events', () => {
  const all = bytes(STREAM);
  for (let first = 0; first <= all.length; first += 1) {
    for (let second = first; second <= all.length; second += 1) {
      const chunks = [all.slice(0, first), all.slice(first, second), all.slice(second)];
      assert.deepEqual(parse(...chunks), EVENTS, `split at bytes ${first} and ${second}`);
    }
  }
});

test('single bytes with empty chunks between them have the same events', () => {
  assert.deepEqual(parse(...[...bytes(STREAM)].flatMap((byte) => [Uint8Array.of(byte), new Uint8Array()])), EVENTS);
});

test('an event is returned as soon as its empty line begins', () => {
  const parser = createSseParser();
  assert.deepEqual(parser.push(bytes('data: a\r\n')), []);
  assert.deepEqual(parser.push(bytes('\r')), [{ type: 'message', data: 'a', id: '' }]);
  assert.deepEqual(parser.push(bytes('\ndata: b\n\n')), [{ type: 'message', data: 'b', id: '' }]);
});

test('every chunk counts as activity, also a comment, and stopping early cancels the body', async () => {
  let chunks = 0;
  let released = false;
  const { body } = eventResponse([': a\n\n', 'data: b\n\n', 'data: c\n\n']);
  const seen = [];
  for await (const { data } of readEvents(body, () => (chunks += 1))) seen.push(data);
  assert.deepEqual([seen, chunks], [['b', 'c'], 3]);
  const endless = new ReadableStream({
    pull: (stream) => stream.enqueue(bytes('data: x\n\n')),
    cancel: () => void (released = true),
  });
  for await (const event of readEvents(endless)) if (event) break;
  assert.equal(released, true);
});
