// Code in colours: the shape of what highlight.js makes, every language that the page may load, and its limits.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { highlight, languageOf, loadLanguage } from '../../../public/js/markdown/highlight.js';
import { shown } from './fakes.js';

const LANGUAGES = readdirSync(new URL('../../../public/vendor/highlight/languages/', import.meta.url)).map((file) => file.replace('.js', ''));
const text = (piece) => (typeof piece === 'string' ? piece : piece.children.map(text).join(''));

test('code is not coloured before its language is there', async () => {
  assert.equal(highlight('let a', 'javascript'), null);
  await loadLanguage('javascript');
  assert.equal(highlight('let a', 'javascript').map(shown).join(''), '<span class="hl-keyword">let</span> a');
});

for (const language of LANGUAGES) {
  test(`${language} can be loaded by its name, and colouring changes no character`, async () => {
    assert.equal(languageOf(language), language);
    await loadLanguage(language);
    const code = `<!-- x --> <b a="c">'s' "t" \`\${1 + 1}\`</b>\n// y\n# z\n/* w */ class A { int f() { return 0x1F; } }\nfrom: [1, 2]\n+ added\n`;
    const pieces = highlight(code, language);
    assert.equal(pieces.map(text).join(''), code);
    assert.ok(pieces.some((piece) => typeof piece !== 'string'), 'nothing was coloured');
  });
}

test('other names of a language lead to it, and what is no language to none', () => {
  assert.deepEqual(['JS', 'html', 'toml', 'sh', 'c++', 'tsx'].map(languageOf), ['javascript', 'xml', 'ini', 'bash', 'cpp', 'typescript']);
  for (const name of ['', 'constructor', '__proto__', '../marked/marked', 'mermaid']) assert.equal(languageOf(name), null, name);
});

test('HTML in a page has its scripts and styles coloured, too', async () => {
  await loadLanguage('xml');
  const pieces = highlight('<script>let a</script><style>b{color:red}</style>', 'xml').map(shown).join('');
  assert.match(pieces, /<span class="hl-keyword">let<\/span>/);
  assert.match(pieces, /<span class="hl-attribute">color<\/span>/);
});

test('code that is very long is left in one colour', async () => {
  await loadLanguage('json');
  assert.equal(highlight(`[${'1,'.repeat(25_000)}1]`, 'json'), null);
});

test('the tree of highlight.js has the shape that we read', async () => {
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
