// Rules about the page's source that a reviewer would otherwise have to repeat.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PUBLIC = fileURLToPath(new URL('../../../public/', import.meta.url));
const files = readdirSync(PUBLIC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(PUBLIC, join(entry.parentPath ?? entry.path, entry.name)))
  .filter((name) => !name.startsWith('vendor/'));
const read = (name) => readFileSync(join(PUBLIC, name), 'utf8');
const code = (name) => read(name).replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '');

function forbid(folder, pattern) {
  const found = files.filter((name) => name.startsWith(folder) && pattern.test(code(name)));
  assert.deepEqual(found, []);
}

test('no file makes nodes from HTML strings', () => {
  forbid('js/', /innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write|createContextualFragment|setHTML|srcdoc|\beval\b|new Function/);
});

test('core and markdown never touch the document', () => {
  forbid('js/core/', /\bdocument\b|\bwindow\b/);
  forbid('js/markdown/', /\bdocument\b|\bwindow\b/);
});

test('ui never calls the service', () => {
  forbid('js/ui/', /\bfetch\b|XMLHttpRequest|WebSocket|EventSource/);
});

test('imports point one way: core and markdown know neither each other nor ui, and nobody imports main', () => {
  forbid('js/core/', /from '(?!\.\/)/);
  forbid('js/markdown/', /from '(?!\.\/|\.\.\/\.\.\/vendor\/)/);
  forbid('js/ui/', /from '(?!\.\/|\.\.\/core\/|\.\.\/markdown\/)/);
});

test('the HTML has no inline script, style or handler', () => {
  const html = read('index.html');
  assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|javascript:/i);
  assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/i);
});

/** Loaded when a reply first has Markdown in it. */
const LAZY = /^js\/(markdown\/|ui\/(markdown|code)\.js)|^css\/(prose|code)\.css/;

test('every module and style sheet is named in the HTML, so that none waits for another to be read first', () => {
  const html = read('index.html');
  const eager = files.filter((name) => /\.(js|css)$/.test(name) && !LAZY.test(name));
  assert.deepEqual(eager.filter((name) => !html.includes(`="${name}"`)), []);
  const named = [...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, name]) => name);
  assert.deepEqual(named.filter((name) => !files.includes(name) || LAZY.test(name)), []);
});

test('what draws Markdown is asked for in one place, as a whole, and by nobody else', () => {
  const parts = [...read('js/ui/prose.js').matchAll(/'(\.\.?\/[a-z./]+\.(?:js|css))'/g)].map(([, name]) => new URL(name, 'file:///js/ui/').pathname.slice(1));
  assert.deepEqual(parts.filter((name) => LAZY.test(name)).sort(), files.filter((name) => LAZY.test(name)).sort());
  const others = files.filter((name) => name.startsWith('js/') && !LAZY.test(name) && /from '[^']*(markdown\/|markdown\.js|code\.js|vendor\/)/.test(code(name)));
  assert.deepEqual(others, []);
});

test('the HTML names css/ and js/ relatively, as the gateway wants to find them, and every other file is reached relatively', () => {
  assert.doesNotMatch(read('index.html'), /(?:src|href)="(?:\/|\.|https?:)/);
  forbid('js/', /import\(?\s*['"`](?!\.)|from '(?!\.)/);
  forbid('css/', /url\((?!["']?(?:data:|\.))|@import/);
});

test('every file says in its first line what it is, and stays under 250 lines', () => {
  for (const name of files.filter((file) => /\.(js|css)$/.test(file))) {
    assert.match(read(name), /^(\/\/|\/\*) [A-Z].*\./, name);
    assert.ok(read(name).split('\n').length <= 250, `${name} is too long`);
  }
});

test('nothing is loaded from another origin', () => {
  const foreign = files.filter((name) => /(?:https?:)?\/\/[a-z0-9-]+\.[a-z]/i.test(code(name).replaceAll('http://www.w3.org/2000/svg', '')));
  assert.deepEqual(foreign, []);
});
