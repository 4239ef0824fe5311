// Times and durations as text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDay, formatMinutes, formatSeconds } from '../../../public/js/core/format-time.js';

const NOW = Date.parse('2024-10-20T12:00:00Z');

test('days are relative, and durations are rounded up to whole seconds', () => {
  assert.equal(formatDay(new Date(NOW).toISOString(), NOW), 'today');
  assert.equal(formatDay('not a date', NOW), '');
  assert.equal(formatMinutes(65_000), '1:05');
  assert.equal(formatMinutes(64_001), '1:05');
  assert.equal(formatMinutes(-5), '0:00');
  assert.equal(formatSeconds(4001), '5 s');
});
