// Validation of names and messages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveLimits, validateMessage, validateName } from '../../../public/js/core/validation.js';

test('limits count bytes and are explained in characters, and limits that are missing or invalid have their defaults', () => {
  const limits = resolveLimits({ limits: { userIdMaxBytes: 4, messageContentMaxBytes: 'many' } });
  assert.equal(validateName('éé', limits), null);
  assert.equal(validateName('ééé', limits), 'This name is 1 character too long.');
  assert.equal(validateName('éé🤖🤖', limits), 'This name is 2 characters too long.');
  assert.match(validateName('a\u0007', limits), /control characters/);
  assert.match(validateName('..', limits), /more than dots/);
  assert.equal(validateName('...', limits), null);
  assert.equal(validateMessage('x'.repeat(32_768), limits), null);
  assert.match(validateMessage('x'.repeat(34_000), limits), /^This message is 1,232 characters too long\./);
  assert.equal(validateMessage('語'.repeat(10_922), limits), null);
  assert.match(validateMessage('語'.repeat(10_924), limits), /2 characters too long/);
});
