// The size of the page, with each file compressed separately, as the gateway sends it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { BUNDLE, PUBLIC } from '../bundle.js';

const index = readFileSync(join(BUNDLE, 'index.html'), 'utf8');
const linked = [...index.matchAll(/(?:src|href)="((?:css|js)\/[^"]+|icon\.svg)"/g)].map(([, name]) => name);
const first = ['index.html', ...linked];
/** Languages of a typical reply. Every other language is loaded when a reply needs it. */
const languages = ['javascript', 'python', 'bash'].map((language) => `vendor/highlight/languages/${language}.js`);
const markdown = ['js/app/markdown.js', 'css/prose.css', 'css/code.css', 'vendor/marked/marked.js'];
const controls = ['css/message-actions.css', 'css/print.css'];
const whole = [...first, ...controls, ...markdown, 'vendor/highlight/core.js', ...languages];

/** The gateway compresses with this quality. */
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
const compress = { gzip: (bytes) => gzipSync(bytes, { level: 9 }), brotli };

function weigh(names, how) {
  const read = (name) => readFileSync(join(/^(vendor|icon)/.test(name) ? PUBLIC : BUNDLE, name));
  return names.reduce((sum, name) => sum + compress[how](read(name)).length, 0);
}

test('at most six files are loaded before the first message can be typed', () => {
  assert.ok(first.length <= 7, `${first}`);
});

/** Browsers accept Brotli over https and on localhost, and only gzip over plain http. */
for (const [how, limitKb, wholeLimitKb] of [
  ['brotli', 36, 72],
  ['gzip', 38, 78],
]) {
  test(`the page weighs at most ${limitKb} KB with ${how} before Markdown and highlighting are loaded`, () => {
    const bytes = weigh(first, how);
    console.log(`# weight before Markdown and highlighting, ${how}: ${bytes} bytes in ${first.length} files`);
    assert.ok(bytes <= limitKb * 1024, `${bytes} bytes`);
  });

  test(`the page weighs at most ${wholeLimitKb} KB with ${how} with them`, () => {
    const bytes = weigh(whole, how);
    console.log(`# weight with Markdown and highlighting, ${how}: ${bytes} bytes in ${whole.length} files`);
    assert.ok(bytes <= wholeLimitKb * 1024, `${bytes} bytes`);
  });
}
