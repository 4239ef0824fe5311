// Vendored libraries: every file is listed with its origin and has the digest that was reviewed.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const VENDOR = fileURLToPath(new URL('../../../public/vendor/', import.meta.url));
const readme = readFileSync(join(VENDOR, 'README.md'), 'utf8');
const listed = new Map(
  [...readme.matchAll(/^\| `([^`]+)` \| `[^`]+` \| `([0-9a-f]{64})` \|$/gm)].map(([, file, digest]) => [file, digest]),
);
const files = readdirSync(VENDOR, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'README.md')
  .map((entry) => relative(VENDOR, join(entry.parentPath ?? entry.path, entry.name)));

test('every file is listed, and every listed file exists', () => {
  assert.deepEqual([...listed.keys()].sort(), files.toSorted());
});

test('every file has the digest in the README', () => {
  for (const file of files) {
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(VENDOR, file)))
        .digest('hex'),
      listed.get(file),
      file,
    );
  }
});

test('every library is listed with its version, licence and source, and its code has the same version', () => {
  for (const [library, version, file] of [
    ['marked', '18.2.1', 'marked/marked.js'],
    ['highlight.js', '11.12.0', 'highlight/core.js'],
  ]) {
    assert.match(
      readme,
      new RegExp(
        `^\\| ${library} \\| ${version} \\| (MIT|BSD-3-Clause) \\(.*LICENSE.*\\| npm package .* <https://`,
        'm',
      ),
    );
    assert.ok(readFileSync(join(VENDOR, file), 'utf8').slice(0, 300).includes(`v${version}`));
  }
});
