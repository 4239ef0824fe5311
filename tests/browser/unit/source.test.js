// Rules for the source of the page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILT_IN_PERSONAS } from '../../../public/js/core/personas.js';
import { files as allFiles, importsOf, modules, read } from '../support/page-source.js';

const files = allFiles.filter((name) => !name.startsWith('vendor/'));
/** Returns the text of a file without its comments. */
const code = (name) => read(name).replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '');

function forbid(folder, pattern) {
  const found = files.filter((name) => name.startsWith(folder) && pattern.test(code(name)));
  assert.deepEqual(found, []);
}

test('no file creates nodes from HTML strings', () => {
  forbid(
    'js/',
    /innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write|createContextualFragment|setHTML|srcdoc|\beval\b|new Function/,
  );
});

test('core and markdown do not use the document', () => {
  forbid('js/core/', /\bdocument\b|\bwindow\b/);
  forbid('js/markdown/', /\bdocument\b|\bwindow\b/);
});

test('ui does not call the service', () => {
  forbid('js/ui/', /\bfetch\b|XMLHttpRequest|WebSocket|EventSource/);
});

test('no module creates a format when it is loaded, which takes a slow phone 150 ms', () => {
  forbid('js/', /^(?:export )?(?:const|let) .*= new Intl\./m);
});

test('core and markdown import neither each other nor ui, and main is not imported', () => {
  forbid('js/core/', /from '(?!\.\/|\.\.\/locale\.js)/);
  forbid('js/core/words/', /from '(?!\.\/[a-z]+\.js|\.\.\/locale\.js)/);
  forbid('js/markdown/', /from '(?!\.\/|\.\.\/\.\.\/vendor\/|\.\.\/core\/words\/)/);
  forbid('js/ui/', /from '(?!\.\/|\.\.\/core\/|\.\.\/markdown\/)/);
});

test('there are no import cycles', () => {
  const cycles = [];
  const done = new Set();
  function visit(name, path) {
    if (path.includes(name)) cycles.push([...path.slice(path.indexOf(name)), name].join(' -> '));
    if (done.has(name) || path.includes(name)) return;
    for (const imported of importsOf(name)) if (modules.includes(imported)) visit(imported, [...path, name]);
    done.add(name);
  }
  for (const name of modules) visit(name, []);
  assert.deepEqual(cycles, []);
});

test('every module is type-checked', () => {
  assert.deepEqual(
    modules.filter((name) => !/^\/\/ @ts-check$/m.test(read(name))),
    [],
  );
  assert.deepEqual(
    modules.filter((name) => /@ts-(ignore|nocheck)/.test(read(name))),
    [],
  );
});

/** The edge of the REST API, which maps its names to those of the page. */
const WIRE = ['js/core/api.js', 'js/core/wire.js'];

test('only the edge of the REST API has names in snake_case', () => {
  const strings = /'(?:[^'\\\n]|\\.)*'/g;
  const constant = /^[A-Z][A-Z\d_]*$/;
  const found = modules
    .filter((name) => !WIRE.includes(name))
    .flatMap((name) =>
      [
        ...code(name)
          .replace(strings, '')
          .matchAll(/\b[a-z]+(?:_[a-z\d]+)+\b/gi),
      ].map(([word]) => [name, word]),
    )
    .filter(([, word]) => !constant.test(word));
  assert.deepEqual(found, []);
});

test('the HTML has no inline script, style or handler', () => {
  const html = read('index.html');
  assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|javascript:/i);
  assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/i);
});

/** Files that are loaded when a reply first contains Markdown. */
const MARKDOWN =
  /^js\/(markdown\/|core\/words\/markdown\.js|ui\/(markdown|code|grow|clipboard)\.js)|^css\/(prose|code)\.css/;
/** Files that are loaded when the dialog for all sessions is first opened. */
const DATA = /^js\/(core\/(session-data|data-view|words\/data)|ui\/data-dialog)\.js|^css\/data\.css/;
/** Files that are loaded when a dialog is first opened, or when the list next to the conversation is shown. */
const DIALOGS =
  /^js\/(core\/(session-filter|format-relative|words\/(sessions|keys))|ui\/(new-session-dialog|keys-dialog|session(s-dialog|-[a-z-]+)|menu|toasts|data-button|signed-out))\.js|^css\/(dialogs|sessions|column|menu|toasts|keys)\.css/;
/** Files that are loaded when the first message is shown. */
const MESSAGES = /^js\/ui\/(message-actions|fold)\.js|^css\/(message-actions|print)\.css/;
/** The page for an unknown address has its own style sheet. */
const NOT_FOUND = /^css\/not-found\.css$/;
const isLazy = (name) => [MARKDOWN, DATA, DIALOGS, MESSAGES, NOT_FOUND].some((lazy) => lazy.test(name));

test('the HTML links every style sheet and nothing that does not exist', () => {
  const linked = [...read('index.html').matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, name]) => name);
  const eager = files.filter((name) => name.endsWith('.css') && !isLazy(name));
  assert.deepEqual(
    eager.filter((name) => !linked.includes(name)),
    [],
  );
  assert.deepEqual(
    linked.filter((name) => !files.includes(name) || isLazy(name)),
    [],
  );
});

test('the Markdown renderer is imported by no module that is loaded at once', () => {
  const eager = modules.filter((name) => !isLazy(name));
  assert.deepEqual(
    eager.filter((name) =>
      importsOf(name).some((imported) => MARKDOWN.test(imported) || imported.startsWith('vendor/')),
    ),
    [],
  );
});

test('the dialog for all sessions is imported by no module that is loaded at once', () => {
  const eager = modules.filter((name) => !isLazy(name));
  assert.deepEqual(
    eager.filter((name) => importsOf(name).some((imported) => DATA.test(imported))),
    [],
  );
  assert.equal(files.filter((name) => DATA.test(name)).length, 5);
});

test('the dialogs are imported by no module that is loaded at once', () => {
  const eager = modules.filter((name) => !isLazy(name));
  assert.deepEqual(
    eager.filter((name) => importsOf(name).some((imported) => DIALOGS.test(imported))),
    [],
  );
});

test('the controls of messages are imported by no module that is loaded at once', () => {
  const eager = modules.filter((name) => !isLazy(name));
  assert.deepEqual(
    eager.filter((name) => importsOf(name).some((imported) => MESSAGES.test(imported))),
    [],
  );
});

test('the cards of the HTML are those of the built-in personas', () => {
  const texts = [...read('index.html').matchAll(/class="persona-(?:name|description)" dir="auto">([^<]+)</g)];
  assert.deepEqual(
    texts.map(([, text]) => text),
    BUILT_IN_PERSONAS.flatMap(({ name, description }) => [name, description]),
  );
});

test('all references are relative, because the gateway serves the files under a versioned path', () => {
  assert.doesNotMatch(read('index.html'), /(?:src|href)="(?:\/|\.|https?:)/);
  forbid('js/', /import\(?\s*['"`](?!\.)|from '(?!\.)/);
  forbid('css/', /url\((?!["']?(?:data:|\.))|@import/);
});

test('every file begins with a sentence about its content and has at most 250 lines', () => {
  for (const name of files.filter((file) => /\.(js|css)$/.test(file))) {
    assert.match(read(name), /^(\/\/|\/\*) [A-Z].*\./, name);
    assert.ok(read(name).split('\n').length <= 250, `${name} is too long`);
  }
});

test('nothing is loaded from another origin', () => {
  const foreign = files.filter((name) =>
    /(?:https?:)?\/\/[a-z0-9-]+\.[a-z]/i.test(code(name).replaceAll('http://www.w3.org/2000/svg', '')),
  );
  assert.deepEqual(foreign, []);
});
