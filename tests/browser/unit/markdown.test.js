// Markdown as trees: each kind of token, and texts that grow.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeReferences, safeUrl } from '../../../public/js/markdown/links.js';
import { renderBlock } from '../../../public/js/markdown/render.js';
import { createReader } from '../../../public/js/markdown/tokens.js';
import { hasMarkdown } from '../../../public/js/ui/prose.js';
import { lexer as lex } from '../../../public/vendor/marked/marked.js';
import { serialize } from './fakes.js';

const trees = (text) => lex(text).flatMap(renderBlock);
const html = (text) => trees(text).map(serialize).join('');

for (const [what, text, expected] of [
  ['paragraphs', 'one\n\ntwo', '<p>one</p><p>two</p>'],
  ['emphasis', 'a *b* **c** ~~d~~', '<p>a <em>b</em> <strong>c</strong> <del>d</del></p>'],
  ['headings, below those of the page', '# A\n\n## B\n\n##### C', '<h3>A</h3><h4>B</h4><h6>C</h6>'],
  ['lists', '- a\n- b\n  1. c', '<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>'],
  ['a list with another start', '3. c', '<ol start="3"><li>c</li></ol>'],
  ['tasks', '- [x] a\n- [ ] b', '<ul><li class="task">☑ a</li><li class="task">☐ b</li></ul>'],
  ['quotes', '> a', '<blockquote><p>a</p></blockquote>'],
  ['inline code, as it is written', '`a <b> &amp;`', '<p><code>a <b> &amp;</code></p>'],
  [
    'flags in code',
    '`-l --a-b=1 a-b`',
    '<p><code><span class="flag">-l</span> <span class="flag">--a-b</span>=1 a-b</code></p>',
  ],
  ['a code block and its language', '```js x\na < b\n```', '<pre js>a < b</pre>'],
  ['a code block that is still open', '```\na', '<pre >a</pre>'],
  ['a hard break', 'a  \nb<br>c', '<p>a<br></br>b<br></br>c</p>'],
  ['a rule', '***', '<hr></hr>'],
  [
    'a table',
    '|a|b|\n|-|-:|\n|1|2|',
    '<table><thead><tr><th>a</th><th data-align="right">b</th></tr></thead><tbody><tr><td>1</td><td data-align="right">2</td></tr></tbody></table>',
  ],
  ['escapes and character references', '\\*a\\* &lt;b&gt; &copy; &#x1F916; &nope;', '<p>*a* <b> © 🤖 &nope;</p>'],
]) {
  test(`Markdown renders ${what}`, () => assert.equal(html(text), expected));
}

test('a link shows its target, sends no referrer and is not nested', () => {
  const [{ children }] = trees('[a *b*](https://example.org/?a=1&amp;b=2 "t")');
  assert.deepEqual(children[0].attributes, {
    href: 'https://example.org/?a=1&b=2',
    title: 'https://example.org/?a=1&b=2',
    target: '_blank',
    rel: 'noopener noreferrer nofollow',
  });
  assert.equal(html('[![alt](https://a.example/i.png)](https://b.example/)').match(/<a /g).length, 1);
});

test('an image is rendered as a link with its description and is not loaded', () => {
  assert.match(
    html('![a cat](https://example.org/cat.png)'),
    /^<p><a href="https:\/\/example.org\/cat.png"[^>]*>\[image: a cat]<\/a><\/p>$/,
  );
  assert.equal(html('![](data:image/png;base64,AA)'), '<p>[image: no description]</p>');
});

test('only absolute http, https and mailto URLs are linked', () => {
  assert.equal(safeUrl('https://example.org'), 'https://example.org/');
  assert.equal(safeUrl('mailto:a@example.org'), 'mailto:a@example.org');
  for (const address of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'java&#115;cript:alert(1)',
    ' data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://x',
    '//example.org',
    '/path',
    '#anchor',
    '',
    null,
    `https://x/${'y'.repeat(2000)}`,
  ]) {
    assert.equal(safeUrl(address), null, String(address));
  }
});

test('invalid character references become the replacement character or stay as written', () => {
  assert.equal(
    decodeReferences('&#0; &#xD800; &#x110000; &#1114112; &constructor; &__proto__; &amp;lt;'),
    '\ufffd \ufffd \ufffd \ufffd &constructor; &__proto__; &lt;',
  );
});

test('plain sentences have no Markdown', () => {
  for (const text of ['Hello!', 'It is 10 - 2 = 8.', 'Start nono with --model-url and --model.'])
    assert.ok(!hasMarkdown(text), text);
  for (const text of ['**b**', '- a', '1. a', '# a', 'a\nb', '`a`', 'https://x', '&amp;', '---'])
    assert.ok(hasMarkdown(text), text);
});

const LONG = `# Title

Some *words* and a [ref] here.
Another line

- one
- two

  more of two

      indented

1) first
2) second

| a | b |
|---|---|
| 1 | 2 |

\`\`\`rust
fn main() {
    println!("hi");
}
\`\`\`

> quote
lazy

Setext
======

<div>

same

same

[ref]: https://example.org
`;

test('a growing text ends with the same blocks as the whole text, for any chunk size', () => {
  const whole = JSON.stringify(createReader()(LONG, { complete: true }));
  for (let size = 1; size < 40; size += 3) {
    const read = createReader();
    for (let end = size; end < LONG.length; end += size) {
      const text = LONG.slice(0, end);
      const settled = read(text, { complete: false }).slice(0, -2);
      assert.ok(text.startsWith(settled.map(({ raw }) => raw).join('')));
    }
    assert.equal(JSON.stringify(read(LONG, { complete: true })), whole);
  }
});

test('every stage of a growing text has the blocks of that text, apart from distant link definitions', () => {
  const text = LONG.replace(/\[ref\].*/g, 'ref');
  const read = createReader();
  for (let end = 1; end <= text.length; end += 1) {
    const [grown, alone] = [read(text.slice(0, end), { complete: false }), lex(text.slice(0, end))];
    assert.deepEqual(
      grown.map(({ type, raw }) => [type, raw]),
      alone.map(({ type, raw }) => [type, raw]),
      `at ${end}`,
    );
  }
});

test('unchanged blocks are the same objects, and equal blocks are distinct', () => {
  const read = createReader();
  const first = [...read('same\n\nsame\n\n', { complete: false })];
  const second = read('same\n\nsame\n\nsame', { complete: true });
  assert.equal(second[0], first[0]);
  assert.equal(new Set(second).size, second.length);
});

test('CR, LF and CRLF are line ends', () => {
  assert.deepEqual(
    createReader()('a\r\n\r\nb\rc', { complete: true })
      .map(({ raw }) => raw)
      .join(''),
    'a\n\nb\nc',
  );
});

test('very deep nesting is rendered as it is written', () => {
  const deep = trees(`${'>'.repeat(500)} deep`);
  assert.match(deep.map(serialize).join(''), />+ deep/);
  assert.match(
    trees(`${'*a '.repeat(300)}`)
      .map(serialize)
      .join(''),
    /a/,
  );
});
