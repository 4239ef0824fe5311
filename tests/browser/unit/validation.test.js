// Validation of names and messages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveLimits, validateMessage, validateName } from '../../../public/js/core/validation.js';

test('limits count bytes, and limits that are missing or invalid have their defaults', () => {
  const limits = resolveLimits({ limits: { userIdMaxBytes: 4, messageContentMaxBytes: 'many' } });
  assert.equal(validateName('éé', limits), null);
  assert.match(validateName('ééé', limits), /at most 4 bytes/);
  assert.match(validateName('a\u0007', limits), /control characters/);
  assert.match(validateName('..', limits), /more than dots/);
  assert.equal(validateName('...', limits), null);
  assert.equal(validateMessage('x'.repeat(32_768), limits), null);
  assert.match(validateMessage('x'.repeat(32_769), limits), /too long/);
});
