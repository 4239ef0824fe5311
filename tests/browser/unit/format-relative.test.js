// Ages and remaining times in words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAge, formatRemaining } from '../../../public/js/core/format-relative.js';

const NOW = Date.parse('2024-10-20T12:00:00Z');
const at = (minutes, seconds = 0) => new Date(NOW + minutes * 60_000 + seconds * 1000).toISOString();

test('ages are rounded down', () => {
  const ages = [at(0, -59), at(0, 30), at(-1), at(-59, -59), at(-60), at(-23 * 60), at(-24 * 60), at(-3 * 24 * 60)];
  assert.deepEqual(
    ages.map((iso) => formatAge(iso, NOW)),
    ['just now', 'just now', '1 min ago', '59 min ago', '1 h ago', '23 h ago', '1 day ago', '3 days ago'],
  );
});

test('remaining minutes are rounded up, so that none is promised too early', () => {
  const ends = [at(0), at(0, 1), at(41, 30), at(90), at(91), at(47 * 60), at(48 * 60)];
  assert.deepEqual(
    ends.map((iso) => formatRemaining(iso, NOW)),
    ['has ended', 'ends in 1 min', 'ends in 42 min', 'ends in 90 min', 'ends in 2 h', 'ends in 47 h', 'ends in 2 days'],
  );
});

test('an invalid time is not shown', () => {
  assert.equal(formatAge('', NOW), '');
  assert.equal(formatRemaining('', NOW), '');
});
