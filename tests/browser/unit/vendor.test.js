// The code of others: every file is named with its origin, and is exactly the file that was reviewed.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const VENDOR = fileURLToPath(new URL('../../../public/vendor/', import.meta.url));
const readme = readFileSync(join(VENDOR, 'README.md'), 'utf8');
const named = new Map([...readme.matchAll(/^\| `([^`]+)` \| `[^`]+` \| `([0-9a-f]{64})` \|$/gm)].map(([, file, digest]) => [file, digest]));
const files = readdirSync(VENDOR, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'README.md')
  .map((entry) => relative(VENDOR, join(entry.parentPath ?? entry.path, entry.name)));

test('every file is named, and every name is a file', () => {
  assert.deepEqual([...named.keys()].sort(), files.toSorted());
});

test('every file has the digest that the README says', () => {
  for (const file of files) {
    assert.equal(createHash('sha256').update(readFileSync(join(VENDOR, file))).digest('hex'), named.get(file), file);
  }
});

test('every library has its version, licence and source, and its code says the same version', () => {
  for (const [library, version, file] of [
    ['marked', '18.2.1', 'marked/marked.js'],
    ['highlight.js', '11.12.0', 'highlight/core.js'],
  ]) {
    assert.match(readme, new RegExp(`^\\| ${library} \\| ${version} \\| (MIT|BSD-3-Clause) \\(.*LICENSE.*\\| npm package .* <https://`, 'm'));
    assert.ok(readFileSync(join(VENDOR, file), 'utf8').slice(0, 300).includes(`v${version}`));
  }
});
