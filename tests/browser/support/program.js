// The program under test: started once per worker on free ports with an empty memory store, and stopped by SIGTERM.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startFakeServer } from '../fake-server.js';

const BINARY = process.env.NONO_BIN ?? fileURLToPath(new URL('../../../target/debug/nono', import.meta.url));
const START_MS = 10_000;
const STOP_MS = 5_000;

/** @returns {Promise<{url: string, stop: () => Promise<void>}>} */
export function startProgram({ ttl = '1h' } = {}) {
  return process.env.NONO_SCRIPTED ? startFakeServer({ ttl }) : startNono({ ttl });
}

/** Starts the program, also if other tests use `fake-server.js`. */
export async function startNono({ ttl = '1h', auth = 'none', publicDir } = {}) {
  if (!existsSync(BINARY))
    throw new Error(`${BINARY} does not exist: build it with cargo build, or set NONO_BIN or NONO_SCRIPTED=1`);
  const listen = ['--http-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const child = spawn(BINARY, [...listen, '--store', 'memory:', '--session-ttl', ttl, '--auth', auth], {
    env: { ...process.env, NO_COLOR: '1', NONO_LOG_FORMAT: 'text', ...(publicDir && { NONO_PUBLIC_DIR: publicDir }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = await addressIn(child);
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Waits for the line with the page's address. */
function addressIn(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why) => {
      child.kill('SIGTERM');
      reject(new Error(`${BINARY} ${why}:\n${output}`));
    };
    const timer = setTimeout(() => fail(`printed no address within ${START_MS} ms`), START_MS);
    const ended = (code) => fail(`ended with ${code}`);
    child.once('exit', ended);
    child.once('error', (error) => fail(`could not be started: ${error.message}`));
    const read = (chunk) => {
      output += chunk;
      const address = /http:\/\/127\.0\.0\.1:\d+(?=\D)/.exec(output)?.[0];
      if (!address) return;
      clearTimeout(timer);
      child.removeListener('exit', ended);
      resolve(address);
    };
    // Reading continues afterwards, because a full pipe would block the program.
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
  });
}
