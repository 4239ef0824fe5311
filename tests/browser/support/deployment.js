// Two gateways, each with a service of its own, over one Redis, and a scripted model: started on free ports and stopped together.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const PROGRAMS = fileURLToPath(new URL('../../../target/debug/', import.meta.url));
const START_MS = 20_000;
const LISTEN = '127.0.0.1:0';

/** Starts everything. `urls` are the addresses of the two gateways. */
export async function startDeployment() {
  const model = await startModel();
  const port = await freePort();
  const children = [];
  const start = (name, args, pattern) => {
    const child = spawn(name, args, { env: { ...process.env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    return matchOf(child, name, pattern);
  };
  await start('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], /Ready to accept/);
  const urls = [];
  for (let count = 0; count < 2; count += 1) {
    const service = ['--store', `redis://127.0.0.1:${port}`, '--model-url', model.url];
    const [, grpc] = await start(
      `${PROGRAMS}session-service`,
      [...service, '--grpc-listen', LISTEN, '--admin-listen', LISTEN],
      /"grpc":"([\d.:]+)"/,
    );
    const gateway = ['--backend', `http://${grpc}`, '--http-listen', LISTEN, '--admin-listen', LISTEN];
    const [url] = await start(`${PROGRAMS}gateway`, gateway, /http:\/\/127\.0\.0\.1:(?!.*"grpc")\d+(?=["/])/);
    urls.push(url);
  }
  return {
    urls,
    model,
    async stop() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
      model.stop();
    },
  };
}

/** Starts a server that replies word by word for as long as the service listens. */
async function startModel() {
  const open = new Set();
  const server = createServer((request, response) => {
    request.resume();
    open.add(response);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let words = 0;
    const timer = setInterval(() => {
      words += 1;
      const choices = [{ index: 0, delta: { content: `Wort${words}🌱 ` } }];
      response.write(`data: ${JSON.stringify({ choices })}\n\n`);
    }, 100);
    response.on('close', () => {
      clearInterval(timer);
      open.delete(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    /** Returns the number of replies in progress. */
    open: () => open.size,
    stop: () => server.close(),
  };
}

async function freePort() {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits for output that matches. Reading continues afterwards, because a full pipe would block the program. */
function matchOf(child, name, pattern) {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why) => reject(new Error(`${name} ${why}:\n${output}`));
    const timer = setTimeout(() => fail(`did not start within ${START_MS} ms`), START_MS);
    child.once('error', (error) => fail(`could not be started: ${error.message}`));
    child.once('exit', (code) => fail(`ended with ${code}`));
    const read = (chunk) => {
      output += output.length < 100_000 ? chunk : '';
      const match = pattern.exec(output);
      if (!match) return;
      clearTimeout(timer);
      resolve(match);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
  });
}
