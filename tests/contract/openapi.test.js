// Requests that schemathesis generates from the OpenAPI document, with all of its checks and phases: valid requests are accepted,
// invalid ones are rejected, and every response matches the document.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const NONO = process.env.NONO_BIN ?? path('../../target/debug/nono');
const SCHEMATHESIS = path('../../target/python/bin/schemathesis');

test('the API conforms to its OpenAPI document', { timeout: 300_000 }, async () => {
  const free = ['--http-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const program = spawn(NONO, free, { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = await once(createInterface({ input: program.stdout }), 'line');
    const { output, code } = await run(`${line.match(/http:\/\/[0-9.:]+/)[0]}/openapi.json`);
    assert.equal(code, 0, output);
    for (const phase of ['Examples', 'Coverage', 'Fuzzing', 'Stateful']) {
      assert.match(output, new RegExp(`✅ ${phase}`), output);
    }
  } finally {
    program.kill('SIGTERM');
    await once(program, 'exit');
  }
});

/** Runs all phases against a document and returns the exit code and everything that was printed. */
function run(document) {
  const args = [
    'run',
    document,
    '--phases',
    'examples,coverage,fuzzing,stateful',
    '--checks',
    'all',
    '--max-examples',
    '15',
    '--workers',
    '2',
  ];
  const env = { ...process.env, SCHEMATHESIS_HOOKS: path('openapi/hooks.py'), PYTHONUTF8: '1' };
  return new Promise((resolve) => {
    const options = { cwd: path('../../target'), env, timeout: 280_000, maxBuffer: 1 << 26 };
    execFile(SCHEMATHESIS, [...args, '--no-color'], options, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, output: stdout + stderr });
    });
  });
}
