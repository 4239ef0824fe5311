// A foreign client over TLS with a key: the commands of the documents, with other addresses.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const BUF = path('node_modules/.bin/buf');
const NONO = process.env.NONO_BIN ?? path('../../target/debug/nono');
const KEY = 'k'.repeat(40);

const folder = mkdtempSync(join(tmpdir(), 'nono-tls-'));
let program;
let address;

/** Returns the commands of a document that contain a text, each in one line. */
function commands(document, text) {
  const lines = readFileSync(path(`../../docs/${document}`), 'utf8')
    .replaceAll('\\\n', ' ')
    .split('\n');
  const found = lines.filter((line) => line.startsWith('$ ') && line.includes(text)).map((line) => line.slice(2));
  assert.ok(found.length > 0, `${document} has no command with ${text}`);
  return found;
}

/** Runs a command in the folder with the certificates. Returns its output. */
function run(command, env = {}) {
  return execFileSync('sh', ['-ec', command], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
}

before(async () => {
  const certificates = commands('operations.md', '').filter((line) => /^openssl|> names$/.test(line));
  assert.equal(certificates.length, 4);
  run(certificates.join('\n'));
  writeFileSync(join(folder, 'callers'), `gateway service ${KEY}\n`);
  writeFileSync(join(folder, 'key'), KEY);
  const free = ['--http-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const keys = ['--auth', 'keys', '--auth-keys-file', 'callers', '--store', 'memory:'];
  const tls = ['--tls-cert', 'server.pem', '--tls-key', 'server.key'];
  const service = NONO.replace(/nono$/, 'session-service');
  program = spawn(service, [...free.slice(2), ...keys, ...tls], {
    cwd: folder,
    env: { ...process.env, NONO_LOG_FORMAT: 'json' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  for await (const line of createInterface({ input: program.stderr })) {
    const { message, grpc } = JSON.parse(line);
    if (message === 'listening') {
      address = grpc.replace(/^https:\/\//, '').replace('127.0.0.1', 'localhost');
      break;
    }
  }
});

after(async () => {
  program.kill('SIGTERM');
  const [code] = await once(program, 'exit');
  assert.equal(code, 0);
  rmSync(folder, { recursive: true });
});

test('buf curl calls a service with TLS and keys as the document says', () => {
  const [command] = commands('api.md', 'buf curl');
  const own = command.replace(/^buf /, `"${BUF}" `).replace('localhost:50051', address);
  const response = run(own, { KEY });
  assert.deepEqual(JSON.parse(response), {});
  const other = own.replace('-H "authorization: Bearer $KEY"', `-H "authorization: Bearer ${'x'.repeat(40)}"`);
  assert.throws(() => run(other, { KEY }), /does not know this credential/);
  assert.throws(() => run(own.replace('--cacert ca.pem', ''), { KEY }));
  assert.throws(() => run(own.replace('https:', 'http:'), { KEY }));
});
