// The committed bundle is that of the source.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUNDLE, bundlePage } from '../bundle.js';

function committedFiles() {
  const paths = readdirSync(BUNDLE, { recursive: true }).filter((path) => statSync(join(BUNDLE, path)).isFile());
  return new Map(paths.map((path) => [path, readFileSync(join(BUNDLE, path), 'utf8')]));
}

test('public/bundle is the bundle of public/ (npm run bundle writes it)', async () => {
  const [committed, built] = [committedFiles(), await bundlePage()];
  assert.deepEqual([...committed.keys()].sort(), [...built.keys()].sort());
  for (const [path, text] of built) assert.ok(committed.get(path) === text, `${path} is out of date`);
});

test('the bundled index links only files that exist', () => {
  const paths = [
    ...committedFiles()
      .get('index.html')
      .matchAll(/(?:src|href)="((?:js|css)\/[^"]+)"/g),
  ];
  assert.ok(paths.length >= 3);
  for (const [, path] of paths) assert.ok(existsSync(join(BUNDLE, path)), path);
});

test('the bundled page loads at most six files before it can be used', () => {
  const index = committedFiles().get('index.html');
  const loaded = index.match(/(?:src|href)="(?:js|css)\/[^"]+"/g);
  assert.ok(loaded.length >= 3 && loaded.length <= 6, `${loaded}`);
});
