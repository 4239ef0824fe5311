// What the page weighs when each file is compressed by itself, as a gateway sends it.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const PUBLIC = fileURLToPath(new URL('../../../public/', import.meta.url));
const files = readdirSync(PUBLIC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(html|css|js|svg)$/.test(entry.name))
  .map((entry) => relative(PUBLIC, join(entry.parentPath ?? entry.path, entry.name)));

const LAZY = /^vendor\/|^js\/markdown\/|^js\/ui\/(markdown|code)\.js$|^css\/(prose|code)\.css$/;
/** With them a reply in Markdown with code in these languages is drawn; each further language is loaded when it comes. */
const COMMON = ['javascript', 'python', 'bash'].map((language) => `vendor/highlight/languages/${language}.js`);

const compress = { gzip: (bytes) => gzipSync(bytes, { level: 9 }), brotli: (bytes) => brotliCompressSync(bytes) };
const weigh = (names, how) => names.reduce((sum, name) => sum + compress[how](readFileSync(join(PUBLIC, name))).length, 0);
const first = files.filter((name) => !LAZY.test(name));
const whole = files.filter((name) => !name.startsWith('vendor/highlight/languages/') || COMMON.includes(name));

/** Browsers take brotli wherever the page is served by https, and on this machine; gzip is for plain http on a local network. */
for (const [how, limitKb] of [['brotli', 60], ['gzip', 64]]) {
  test(`the page weighs at most ${limitKb} KB with ${how} before Markdown and highlighting are loaded`, () => {
    const bytes = weigh(first, how);
    console.log(`# weight before Markdown and highlighting, ${how}: ${bytes} bytes in ${first.length} files`);
    assert.ok(bytes <= limitKb * 1024, `${bytes} bytes`);
  });

  test(`the page weighs at most 100 KB with ${how} with them`, () => {
    const bytes = weigh(whole, how);
    console.log(`# weight with Markdown and highlighting, ${how}: ${bytes} bytes in ${whole.length} files`);
    assert.ok(bytes <= 100 * 1024, `${bytes} bytes`);
  });
}
