// A foreign client: `buf curl` lists the methods of the server by reflection and calls them.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const BUF = path('node_modules/.bin/buf');
const NONO = process.env.NONO_BIN ?? path('../../target/debug/nono');
const SESSIONS = 'nono.session.v1.SessionService';

let program;
let address;

before(async () => {
  const free = ['--http-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  program = spawn(NONO, free, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(createInterface({ input: program.stdout }), 'line');
  address = `http://${line.match(/gRPC on ([0-9.:]+)/)[1]}`;
});

after(async () => {
  program.kill('SIGTERM');
  const [code] = await once(program, 'exit');
  assert.equal(code, 0);
});

/** Runs `buf curl`. Returns its output and its exit code. */
function curl(...args) {
  return new Promise((resolve) => {
    const all = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args];
    execFile(BUF, all, { timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

async function call(method, request) {
  const { code, stdout, stderr } = await curl('-d', JSON.stringify(request), `${address}/${method}`);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout || '{}');
}

/** Returns the code of a call that fails. */
async function errorCode(method, request) {
  const { code, stderr } = await curl('-d', JSON.stringify(request), `${address}/${method}`);
  assert.notEqual(code, 0);
  return JSON.parse(stderr).code;
}

test('the methods of the contract are listed', async () => {
  const { stdout } = await curl('--list-methods', address);
  const listed = stdout.trim().split('\n');
  for (const method of ['Create', 'Get', 'List', 'History', 'Append', 'Touch', 'Delete']) {
    assert.ok(listed.includes(`${SESSIONS}/${method}`), method);
  }
  for (const method of [
    'nono.chat.v1.ChatService/Chat',
    'nono.chat.v1.ChatService/ListPersonas',
    'grpc.health.v1.Health/Check',
  ]) {
    assert.ok(listed.includes(method), method);
  }
});

test('a session can be created, used, extended and deleted', async () => {
  const metadata = { nested: [{ n: 42 }, []], text: '🤖' };
  const created = await call(`${SESSIONS}/Create`, { user_id: 'John Doe', persona: 'mental_health_nurse', metadata });
  assert.equal(created.created, true);
  assert.match(created.session.sessionId, /^session_John Doe_\d+$/);
  assert.deepEqual(created.session.metadata, metadata);
  assert.equal(await errorCode(`${SESSIONS}/Create`, { user_id: 'John Doe' }), 'already_exists');
  const again = await call(`${SESSIONS}/Create`, { user_id: 'John Doe', if_exists: 'IF_EXISTS_RETURN' });
  assert.equal(again.created ?? false, false);

  const messages = [
    { role: 'ROLE_USER', content: 'hi', metadata },
    { role: 'ROLE_ASSISTANT', content: 'hello' },
  ];
  const append = { user_id: 'John Doe', messages, request_id: 'r' };
  const appended = await call(`${SESSIONS}/Append`, append);
  assert.deepEqual(
    appended.messages.map((message) => message.seq),
    [1, 2],
  );
  const replayed = await call(`${SESSIONS}/Append`, append);
  assert.equal(replayed.replayed, true);
  assert.deepEqual(replayed.messages, appended.messages);

  const history = await call(`${SESSIONS}/History`, { user_id: 'John Doe', limit: 1 });
  assert.equal(history.messageCount, 2);
  assert.equal(history.hasMore, true);
  assert.deepEqual(history.messages, [appended.messages[1]]);
  const older = await call(`${SESSIONS}/History`, { user_id: 'John Doe', before_seq: 2 });
  assert.deepEqual(older.messages, [appended.messages[0]]);
  assert.equal(
    await errorCode(`${SESSIONS}/History`, { user_id: 'John Doe', before_seq: 2, after_seq: 1 }),
    'invalid_argument',
  );

  const listed = await call(`${SESSIONS}/List`, {});
  assert.equal(listed.totalCount, 1);
  assert.equal(listed.sessions[0].userId, 'John Doe');
  const touched = await call(`${SESSIONS}/Touch`, { user_id: 'John Doe' });
  assert.ok(touched.session.expiresAt >= listed.sessions[0].expiresAt);
  const got = await call(`${SESSIONS}/Get`, { user_id: 'John Doe' });
  assert.deepEqual(got.session, touched.session);

  await call(`${SESSIONS}/Delete`, { user_id: 'John Doe' });
  for (const method of ['Get', 'History', 'Touch', 'Delete']) {
    assert.equal(await errorCode(`${SESSIONS}/${method}`, { user_id: 'John Doe' }), 'not_found', method);
  }
});

test('the personas, the configuration and the health can be queried', async () => {
  const { personas } = await call('nono.chat.v1.ChatService/ListPersonas', {});
  assert.equal(personas.length, 4);
  const config = await call('nono.config.v1.ConfigService/GetConfig', {});
  assert.equal(config.sessionTtl, '3600s');
  const health = await call('grpc.health.v1.Health/Check', {});
  assert.equal(health.status, 'SERVING');
});
