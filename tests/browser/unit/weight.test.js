// The size of the page, with each file compressed separately, as the gateway sends it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { files, readServed } from '../support/page-source.js';

const MARKDOWN = /^vendor\/|^js\/markdown\/|^js\/ui\/(markdown|code|grow|clipboard)\.js$|^css\/(prose|code)\.css$/;
/** The dialog for all sessions, which few visits load. */
const DATA = /^js\/(core\/(session-data|data-view)|ui\/data-dialog)\.js$|^css\/data\.css$/;
/** The controls of messages, which are loaded with the first message. */
const MESSAGES = /^js\/ui\/(message-actions|fold)\.js$/;
/** Languages of a typical reply. Every other language is loaded when a reply needs it. */
const COMMON = ['javascript', 'python', 'bash'].map((language) => `vendor/highlight/languages/${language}.js`);

const compress = { gzip: (text) => gzipSync(text, { level: 9 }), brotli: (text) => brotliCompressSync(text) };
const weigh = (names, how) => names.reduce((sum, name) => sum + compress[how](readServed(name)).length, 0);
const loaded = files.filter((name) => /\.(html|css|js|svg)$/.test(name));
const dialog = loaded.filter((name) => DATA.test(name));
const usual = loaded.filter((name) => !DATA.test(name));
const first = usual.filter((name) => !MARKDOWN.test(name) && !MESSAGES.test(name));
const whole = usual.filter((name) => !name.startsWith('vendor/highlight/languages/') || COMMON.includes(name));

/** Browsers accept Brotli over https and on localhost, and only gzip over plain http. */
for (const [how, limitKb, wholeLimitKb, dialogLimitKb] of [
  ['brotli', 58, 96, 7],
  ['gzip', 67, 111, 8],
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

  test(`the dialog for all sessions adds at most ${dialogLimitKb} KB with ${how}`, () => {
    const bytes = weigh(dialog, how);
    console.log(`# weight of the dialog for all sessions, ${how}: ${bytes} bytes in ${dialog.length} files`);
    assert.equal(dialog.length, 4);
    assert.ok(bytes <= dialogLimitKb * 1024, `${bytes} bytes`);
  });
}
