// Requests that schemathesis generates from the OpenAPI document, with all of its checks and phases: valid requests are accepted,
// invalid ones are rejected, and every response matches the document. The hooks remove the catch-all response, so that a status
// that an operation does not list fails.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const NONO = process.env.NONO_BIN ?? path('../../target/debug/nono');
const SCHEMATHESIS = path('../../target/python/bin/schemathesis');

/** Seed of all random choices, so that a failure repeats. */
const SEED = 20_231_021;

test('the API conforms to its OpenAPI document', { timeout: 300_000 }, () =>
  conforms([], ['examples', 'coverage', 'fuzzing', 'stateful'], 15, async () => []),
);

test('the API for browsers with cookies conforms to its OpenAPI document', { timeout: 300_000 }, () =>
  conforms(['--auth', 'cookie'], ['examples', 'fuzzing'], 5, async (url) => {
    const page = await fetch(url);
    return ['--header', `Cookie: ${page.headers.get('set-cookie').split(';')[0]}`];
  }),
);

/**
 * Starts `nono` with these flags and tests it against its document. `flagsFor` returns further flags of schemathesis for the
 * address of the page.
 */
async function conforms(flags, phases, examples, flagsFor) {
  const free = ['--http-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const program = spawn(NONO, [...free, ...flags], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const ended = once(program, 'exit').then(() => assert.fail('nono ended before it listened'));
    ended.catch(() => {});
    const [line] = await Promise.race([once(createInterface({ input: program.stdout }), 'line'), ended]);
    const url = line.match(/http:\/\/[0-9.:]+/)[0];
    const further = await flagsFor(url);
    const { output, code } = await run(`${url}/openapi.json`, phases, examples, further);
    assert.equal(code, 0, output);
    for (const phase of phases) {
      assert.match(output, new RegExp(`✅ ${phase}`, 'i'), output);
    }
  } finally {
    program.kill('SIGTERM');
    await once(program, 'exit');
  }
}

/** Runs these phases, one request after the other as their order is a part of the choices, against a document and returns the exit code and everything that was printed. */
function run(document, phases, examples, further) {
  const limits = ['--max-examples', `${examples}`, '--seed', `${SEED}`, '--workers', '1'];
  const args = ['run', document, '--phases', phases.join(','), '--checks', 'all', ...limits, ...further];
  const env = { ...process.env, SCHEMATHESIS_HOOKS: path('openapi/hooks.py'), PYTHONUTF8: '1' };
  return new Promise((resolve) => {
    const options = { cwd: path('../../target'), env, timeout: 280_000, maxBuffer: 1 << 26 };
    execFile(SCHEMATHESIS, [...args, '--no-color'], options, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, output: stdout + stderr });
    });
  });
}
