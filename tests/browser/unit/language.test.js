// Rules for the language of comments and test names.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const OTHERS = /node_modules|public\/vendor\//;
const files = ['public', 'tests/browser', 'tests/contract']
  .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && /\.(js|css|d\.ts|html)$/.test(entry.name))
  .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
  .filter((name) => !OTHERS.test(name));

const MAX_QUESTIONS_PERCENT = 2;
const QUESTION = /^(What|Whether|Where|How|Which|Who|Why)\b/;
/** Words for which the field has other terms. */
const BANNED =
  /\b(answer(s|ed)?|moment|for ever|anew|whoever|nobody|somebody|everybody|mends?|begets?|dear|beside|so many|(?<!in )places?)\b/i;

/** Returns the comments of a file. Consecutive lines of `//` are one comment. */
function commentsOf(name) {
  const text = readFileSync(join(ROOT, name), 'utf8');
  const pattern = name.endsWith('.html') ? /<!--([\s\S]*?)-->/g : /\/\*([\s\S]*?)\*\/|((?:(?:^|\s)\/\/ [^\n]*\n)+)/g;
  return [...text.matchAll(pattern)].map(([, block, lines]) =>
    (block ?? lines)
      .replace(/^\s*(\*|\/\/)+/gm, '')
      .replace(/`[^`]*`/g, '`code`')
      .trim(),
  );
}

const comments = files.flatMap((name) => commentsOf(name).map((comment) => ({ name, comment })));

test(`at most ${MAX_QUESTIONS_PERCENT} % of comments begin with a question word`, () => {
  const questions = comments.filter(({ comment }) => QUESTION.test(comment));
  assert.ok(comments.length > 400, `${comments.length} comments`);
  assert.ok(questions.length * 100 <= comments.length * MAX_QUESTIONS_PERCENT, JSON.stringify(questions, null, 2));
});

test('comments use the terms of the field', () => {
  assert.deepEqual(
    comments.filter(({ comment }) => BANNED.test(comment)),
    [],
  );
});

test('test names use the terms of the field', () => {
  const names = files
    .filter((name) => /\.(test|spec)\.js$/.test(name))
    .flatMap((name) =>
      [...readFileSync(join(ROOT, name), 'utf8').matchAll(/\b(?:test|scripted|isolated)\(\s*(['"`])(.*?)\1,/g)].map(
        ([, , title]) => title,
      ),
    );
  assert.ok(names.length > 200, `${names.length} names`);
  assert.deepEqual(
    names.filter(
      (name) => BANNED.test(name) || QUESTION.test(name) || /^(what|whether|where|how|which|who|why)\b/.test(name),
    ),
    [],
  );
});
