// The copy of the page: a sentence for every reason of the API, times and numbers in the language of the page.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import { KINDS, REASONS } from '../../../public/js/core/words/errors.js';
import { describeLifetime } from '../../../public/js/core/words/units.js';

const DOCUMENT = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
/** The rows of the table of reasons: reason and status. */
const ROWS = [...DOCUMENT.matchAll(/^\| `([A-Z][A-Z_]+)` \| (\d{3}) \|/gm)].map(([, reason, status]) => [
  reason,
  Number(status),
]);
const DETAIL = 'a text for programmers';

test('every reason of the API has a sentence of the page, and no other reason has one', () => {
  assert.ok(ROWS.length >= 17, `${ROWS.length} reasons`);
  assert.deepEqual(Object.keys(REASONS).sort(), ROWS.map(([reason]) => reason).sort());
});

for (const [reason, status] of ROWS) {
  test(`the error ${reason} is explained by the page, and not by the service`, () => {
    const violations = [{ field: 'anything', description: DETAIL }];
    const error = new ApiError({ status, reason, detail: DETAIL, violations, requestId: 'r1' });
    assert.match(error.explanation, /^[A-Z].*[.]$/);
    assert.doesNotMatch(error.explanation, /programmers|[A-Z]{2}_|undefined/);
  });
}

test('an error without a reason is explained by its kind', () => {
  for (const status of [0, 400, 401, 403, 404, 405, 413, 415, 421, 429, 500, 502, 503, 504]) {
    const error = new ApiError({ status, detail: DETAIL });
    assert.match(error.explanation, /^[A-Z].*[.]$/);
    assert.doesNotMatch(error.explanation, /programmers|undefined/);
  }
  assert.equal(new ApiError({}).explanation, KINDS.unreachable);
});

test('the lifetime of a conversation is a sentence in the largest whole unit', () => {
  const kept = (text) => `Conversations are kept for ${text} after the last message.`;
  assert.equal(describeLifetime(3600), kept('1 hour'));
  assert.equal(describeLifetime(5400), kept('90 minutes'));
  assert.equal(describeLifetime(7 * 86_400), kept('7 days'));
  assert.equal(describeLifetime(3), kept('3 seconds'));
  for (const unknown of [undefined, 0, NaN]) assert.equal(describeLifetime(unknown), '');
});

/** Returns a time and a day, formatted in a process with the locale of a user. */
function formatIn(locale) {
  const module = new URL('../../../public/js/core/format-time.js', import.meta.url).href;
  const code = `const { formatTime, formatDay } = await import('${module}');
    console.log(JSON.stringify([formatTime('2024-10-20T09:05:00Z'), formatTime('2024-10-20T21:05:00Z'),
    formatDay('2024-10-02T09:05:00Z', Date.parse('2024-10-20T12:00:00Z'))]));`;
  const env = { ...process.env, LC_ALL: locale, TZ: 'UTC' };
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    env,
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout).map((text) => text.replaceAll('\u202f', ' '));
}

for (const [locale, expected] of [
  ['en_GB', ['9:05', '21:05', '2 October 2024']],
  ['en_US', ['9:05 AM', '9:05 PM', 'October 2, 2024']],
  ['de_DE', ['9:05', '21:05', '2 October 2024']],
  ['ar_EG', ['9:05 am', '9:05 pm', '2 October 2024']],
  ['ja_JP', ['9:05', '21:05', '2 October 2024']],
]) {
  test(`times are in English, with the hours of ${locale} and without a leading zero`, () => {
    assert.deepEqual(formatIn(locale), expected);
  });
}
