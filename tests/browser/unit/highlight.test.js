// Highlighted code: the tree of highlight.js, every language, and the limits.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { findLanguage, highlight, loadLanguage } from '../../../public/js/markdown/highlight.js';
import { serialize } from './fakes.js';

const LANGUAGES = readdirSync(new URL('../../../public/vendor/highlight/languages/', import.meta.url)).map((file) =>
  file.replace('.js', ''),
);
const text = (tree) => (typeof tree === 'string' ? tree : tree.children.map(text).join(''));

test('code is not highlighted before its language is loaded', async () => {
  assert.equal(highlight('let a', 'javascript'), null);
  await loadLanguage('javascript');
  assert.equal(highlight('let a', 'javascript').map(serialize).join(''), '<span class="hl-keyword">let</span> a');
});

for (const language of LANGUAGES) {
  test(`${language} is loaded by its name, and highlighting changes no character`, async () => {
    assert.equal(findLanguage(language), language);
    await loadLanguage(language);
    const code = `<!-- x --> <b a="c">'s' "t" \`\${1 + 1}\`</b>\n// y\n# z\n/* w */ class A { int f() { return 0x1F; } }\nfrom: [1, 2]\n+ added\n`;
    const trees = highlight(code, language);
    assert.equal(trees.map(text).join(''), code);
    assert.ok(
      trees.some((tree) => typeof tree !== 'string'),
      'nothing was highlighted',
    );
  });
}

test('aliases resolve to their language, and unknown names to null', () => {
  assert.deepEqual(['JS', 'html', 'toml', 'sh', 'c++', 'tsx'].map(findLanguage), [
    'javascript',
    'xml',
    'ini',
    'bash',
    'cpp',
    'typescript',
  ]);
  for (const name of ['', 'constructor', '__proto__', '../marked/marked', 'mermaid'])
    assert.equal(findLanguage(name), null, name);
});

test('scripts and styles in HTML are highlighted', async () => {
  await loadLanguage('xml');
  const trees = highlight('<script>let a</script><style>b{color:red}</style>', 'xml').map(serialize).join('');
  assert.match(trees, /<span class="hl-keyword">let<\/span>/);
  assert.match(trees, /<span class="hl-attribute">color<\/span>/);
});

test('very long code is not highlighted', async () => {
  await loadLanguage('json');
  assert.equal(highlight(`[${'1,'.repeat(25_000)}1]`, 'json'), null);
});

test('the tree of highlight.js has the expected shape', async () => {
  const { default: library } = await import('../../../public/vendor/highlight/core.js');
  const { default: json } = await import('../../../public/vendor/highlight/languages/json.js');
  library.registerLanguage('json', json);
  const { rootNode } = library.highlight('[1]', { language: 'json' })._emitter;
  assert.deepEqual(JSON.parse(JSON.stringify(rootNode.children)), [
    { scope: 'punctuation', children: ['['] },
    { scope: 'number', children: ['1'] },
    { scope: 'punctuation', children: [']'] },
  ]);
});
