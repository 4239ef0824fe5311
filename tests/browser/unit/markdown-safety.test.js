// Injections in Markdown: the trees contain only known tags and attributes, and only safe URLs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderBlock } from '../../../public/js/markdown/render.js';
import { lexer as lex } from '../../../public/vendor/marked/marked.js';
import { INJECTIONS } from '../support/injections.js';
import { serialize } from './fakes.js';

const TAGS = 'p h3 h4 h5 h6 strong em del code pre blockquote ul ol li table thead tbody tr th td hr br a'.split(' ');
const ATTRIBUTES = 'dir class start data-align href title target rel'.split(' ');
const CLASSES = ['loose', 'task', 'as-written'];

function check(tree) {
  if (typeof tree === 'string') return;
  assert.ok(TAGS.includes(tree.tag), tree.tag);
  for (const [name, value] of Object.entries(tree.attributes ?? {})) {
    assert.ok(ATTRIBUTES.includes(name), name);
    assert.equal(typeof value, 'string');
    if (name === 'href') assert.match(value, /^(https?|mailto):/);
    if (name === 'class') assert.ok(CLASSES.includes(value));
  }
  tree.children.forEach(check);
}

for (const text of INJECTIONS) {
  test(`is inert: ${JSON.stringify(text).slice(0, 80)}`, () => {
    for (const tree of lex(text).flatMap(renderBlock)) check(tree);
  });
}

test('HTML is rendered as text', () => {
  assert.equal(
    lex('<script>alert(1)</script>').flatMap(renderBlock).map(serialize).join(''),
    '<p class="as-written"><script>alert(1)</script></p>',
  );
});

test('an injection inside any construct is inert', () => {
  const wraps = [
    (t) => `> ${t}`,
    (t) => `- ${t}`,
    (t) => `|a|\n|-|\n|${t}|`,
    (t) => `**${t}**`,
    (t) => `[${t}](https://x.example)`,
    (t) => `# ${t}`,
    (t) => `\`\`\`${t}\n${t}\n\`\`\``,
    (t) => `![${t}](${t})`,
    (t) => `[a][b]\n\n[b]: ${t} "${t}"`,
  ];
  for (const text of INJECTIONS)
    for (const wrap of wraps) for (const tree of lex(wrap(text)).flatMap(renderBlock)) check(tree);
});
