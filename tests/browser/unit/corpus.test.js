// Replies as models write them (corpus/*.txt), and the trees as which they are rendered (corpus/*.tree). `NONO_WRITE_CORPUS=1`
// writes the trees: read their difference before it is committed.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderBlock } from '../../../public/js/markdown/render.js';
import { createReader } from '../../../public/js/markdown/tokens.js';

const CORPUS = new URL('../corpus/', import.meta.url);
const names = readdirSync(CORPUS).flatMap((name) => (name.endsWith('.txt') ? [name.slice(0, -4)] : []));
const readCorpus = (name) => readFileSync(new URL(name, CORPUS), 'utf8');

const render = (text) => createReader()(text, { complete: true }).flatMap(renderBlock);

/** Returns a tree with one node on each line. */
function outline(tree, depth = 0) {
  const indent = '  '.repeat(depth);
  if (typeof tree === 'string') return [`${indent}${JSON.stringify(tree)}`];
  const shown = Object.entries(tree.attributes ?? {}).filter(([key]) => !['title', 'target', 'rel'].includes(key));
  const words = [tree.tag, tree.language, ...shown.map(([key, value]) => `${key}=${value}`)].filter(Boolean);
  return [`${indent}${words.join(' ')}`, ...tree.children.flatMap((child) => outline(child, depth + 1))];
}

/** Returns the texts of a tree that are neither code nor mathematics. */
function prose(tree) {
  if (typeof tree === 'string') return [tree];
  const isVerbatim = ['pre', 'code'].includes(tree.tag) || tree.attributes?.class?.includes('math');
  return isVerbatim ? [] : tree.children.flatMap(prose);
}

test('the corpus has replies of every kind', () => assert.ok(names.length >= 13, names.join()));

for (const name of names) {
  test(`the reply "${name}" is rendered as reviewed`, () => {
    const trees = `${render(readCorpus(`${name}.txt`))
      .flatMap((tree) => outline(tree))
      .join('\n')}\n`;
    if (process.env.NONO_WRITE_CORPUS) writeFileSync(new URL(`${name}.tree`, CORPUS), trees);
    assert.equal(trees, readCorpus(`${name}.tree`));
  });

  test(`the reply "${name}" has no marks left outside code`, () => {
    for (const text of render(readCorpus(`${name}.txt`)).flatMap(prose))
      assert.doesNotMatch(text, /\*\*|~~|```|<\/?think>|^\[[ x]\]/, text);
  });

  test(`the reply "${name}" is the same however it grows`, () => {
    const text = readCorpus(`${name}.txt`);
    const whole = JSON.stringify(render(text));
    for (const size of [1, 7, 50]) {
      const read = createReader();
      for (let end = size; end < text.length; end += size) read(text.slice(0, end), { complete: false });
      assert.equal(JSON.stringify(read(text, { complete: true }).flatMap(renderBlock)), whole);
    }
  });
}
