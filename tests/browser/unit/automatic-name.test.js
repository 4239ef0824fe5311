// Automatic names of sessions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { automaticName, createUnderFreeName } from '../../../public/js/core/automatic-name.js';

const taken = () => new ApiError({ status: 409, reason: 'SESSION_EXISTS' });

test('an automatic name has the unix time in whole seconds', () => {
  assert.equal(automaticName(1697856000999), 'user_1697856000');
});

test('the next free name is used if the first is taken', async () => {
  const tried = [];
  const created = await createUnderFreeName('user_1697856000', async (name) => {
    tried.push(name);
    if (tried.length < 3) throw taken();
    return name;
  });
  assert.equal(created, 'user_1697856002');
  assert.deepEqual(tried, ['user_1697856000', 'user_1697856001', 'user_1697856002']);
});

test('names are tried up to a limit, and other errors end it at once', async () => {
  let calls = 0;
  const always = (error) => async () => {
    calls += 1;
    throw error;
  };
  await assert.rejects(createUnderFreeName('user_1', always(taken())), { reason: 'SESSION_EXISTS' });
  assert.equal(calls, 100);
  calls = 0;
  await assert.rejects(createUnderFreeName('user_1', always(new ApiError({ status: 500 }))));
  assert.equal(calls, 1);
});
