// All copy that scripts write is in js/core/words/: no other module has a text for people.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAst } from 'rollup/parseAst';
import { files, modules, read } from '../support/page-source.js';

const WORDS = 'js/core/words/';
/** Names of classes and ids, of which lists are written like phrases. */
const NAMES = new Set(
  [
    ...files.filter((name) => name.endsWith('.css')).flatMap((name) => [...read(name).matchAll(/\.([a-z][a-z-]*)/g)]),
    ...read('index.html').matchAll(/\bid="([a-z-]+)"/g),
  ].map(([, name]) => name),
);
/** Texts that no user sees: `detail` is for programmers, the others for the browser. */
const HIDDEN_PROPERTIES = ['class', 'detail', 'rel'];
/** Functions whose argument is code, and methods that compare it. */
const HIDDEN_ARGUMENTS =
  /^(Error|querySelector(All)?|matches|closest|matchMedia|supports|includes|split|startsWith|execCommand)$/;

/** Returns true for a text that begins with a capital letter like a sentence or a label, or has a space next to a letter. */
function isCopy(text) {
  const words = text.split(/\s+/).filter(Boolean);
  if (words.every((word) => NAMES.has(word.replace('{}', '')))) return false;
  return /^\P{L}*\p{Lu}\p{Ll}+(?!\p{L})/u.test(text) || /\p{L}[.,:;!?…]*\s|\s\p{L}/u.test(text);
}

/** Returns true if a literal is not shown: it is compared, names a property, or is an argument of a function of the browser. */
function isHidden(node, parent) {
  if (parent.type === 'BinaryExpression') return parent.operator !== '+';
  if (/^(SwitchCase|ImportDeclaration|ImportExpression|ExportNamedDeclaration)$/.test(parent.type)) return true;
  if (parent.type === 'Property') return parent.key === node || HIDDEN_PROPERTIES.includes(parent.key.name);
  if (!/^(Call|New)Expression$/.test(parent.type)) return false;
  return HIDDEN_ARGUMENTS.test(parent.callee.name ?? parent.callee.property?.name ?? '');
}

/** Returns the texts for people in a module. The expressions of a template are shown as `{}`. */
function copyIn(code) {
  const found = [];
  function visit(node, parent) {
    if (Array.isArray(node)) for (const child of node) visit(child, parent);
    if (typeof node?.type !== 'string') return;
    const text = node.type === 'TemplateLiteral' ? node.quasis.map(({ value }) => value.cooked).join('{}') : node.value;
    if (typeof text === 'string' && isCopy(text) && !isHidden(node, parent)) found.push(text);
    for (const [key, child] of Object.entries(node)) if (key !== 'quasis') visit(child, node);
  }
  visit(parseAst(code), null);
  return found;
}

test('no module outside the words has copy', () => {
  const others = modules.filter((name) => !name.startsWith(WORDS));
  assert.ok(others.length > 80, `${others.length} modules`);
  assert.deepEqual(
    others.flatMap((name) => copyIn(read(name)).map((text) => `${name}: ${text}`)),
    [],
  );
});

test('copy is found in assignments, attributes, arguments, templates and fragments', () => {
  for (const [code, text] of [
    ["node.textContent = 'Copied';", 'Copied'],
    ["element('button', { title: 'Show the list' });", 'Show the list'],
    ["element('p', {}, name, ' was deleted.');", ' was deleted.'],
    ["node.title = 'Theme: ' + theme;", 'Theme: '],
    [`setText(node, isMine ? \`Actions for \${name}\` : name);`, 'Actions for {}'],
    [`const age = \`\${count} min ago\`;`, '{} min ago'],
    ["const LABELS = { more: 'Show more' };", 'Show more'],
  ])
    assert.deepEqual(copyIn(code), [text]);
});

test('code is not taken for copy', () => {
  for (const code of [
    "if (event.key === 'Escape') close();",
    "element('p', { class: 'button small' });",
    "find('log').querySelector('dialog[open] .announcer');",
    "throw new Error('This is for programmers.');",
    `const key = \`sent:\${id}\`;`,
    "import { find } from './dom.js';",
  ])
    assert.deepEqual(copyIn(code), []);
});

test('every topic of the words is imported', () => {
  const topics = modules.filter((name) => name.startsWith(WORDS)).map((name) => name.slice(WORDS.length));
  const imported = modules.flatMap((name) => [...read(name).matchAll(/words\/([a-z]+\.js)'/g)]);
  assert.deepEqual(topics.sort(), [...new Set(imported.map(([, topic]) => topic))].sort());
});
