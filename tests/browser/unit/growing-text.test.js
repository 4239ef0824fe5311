// The text of a running reply, whose pieces have offsets in bytes of UTF-8.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyText, splice } from '../../../public/js/core/growing-text.js';

/** Splices pieces `[offset, text]` one after the other. */
const grow = (...pieces) => pieces.reduce((known, [offset, text]) => known && splice(known, offset, text), emptyText());

test('pieces that follow each other are joined', () => {
  assert.deepEqual(grow([0, 'Hel'], [3, 'lo']), { text: 'Hello', bytes: 5 });
});

test('a piece that was known, wholly or in part, is not repeated', () => {
  assert.equal(grow([0, 'Hel'], [3, 'lo'], [3, 'lo']).text, 'Hello');
  assert.equal(grow([0, 'Hel'], [0, 'Hello']).text, 'Hello');
  assert.equal(grow([0, 'Hello'], [2, 'llo all']).text, 'Hello all');
  assert.equal(grow([0, 'Hello'], [0, 'Hel'], [5, '!']).text, 'Hello!');
});

test('offsets count bytes, not characters', () => {
  assert.deepEqual(grow([0, 'ü€😀'], [9, '!']), { text: 'ü€😀!', bytes: 10 });
  assert.equal(grow([0, 'ü€😀'], [2, '€😀😀']).text, 'ü€😀😀');
  assert.equal(grow([0, '\uFEFFa'], [3, 'ab']).text, '\uFEFFab');
});

test('a piece after missing bytes or within a character does not fit', () => {
  assert.equal(grow([0, 'Hel'], [4, 'o']), null);
  assert.equal(splice(emptyText(), 1, 'x'), null);
  assert.equal(grow([0, 'ü€'], [3, 'xxx']), null);
});

test('a beginning that differs replaces the text of an earlier attempt', () => {
  assert.deepEqual(grow([0, 'Hello there'], [0, 'Good']), { text: 'Good', bytes: 4 });
});
