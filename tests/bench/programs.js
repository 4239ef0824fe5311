// Programs under test: each is started on free ports and ends with the benchmark.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Folder of the programs, which are built with the profile of the images. */
export const PROGRAMS = `${ROOT}target/dist/`;

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 3_000;
const TICKS_PER_SECOND = 100;
const running = new Set();

/**
 * Starts a program and waits until its port accepts connections.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {number} port
 */
export async function start(command, args, port) {
  // The log is written as in operation, and read by nothing.
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'ignore'] });
  running.add(child);
  let failure;
  child.on('error', (error) => {
    failure = error;
  });
  child.on('exit', (code) => {
    running.delete(child);
    failure ??= new Error(`${command} has ended with code ${code}`);
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (failure) throw failure;
    if (Date.now() > deadline) throw new Error(`${command} does not listen after ${START_TIMEOUT_MS} ms`);
    await delay(5);
  }
  return { pid: child.pid, port, stop: () => stop(child) };
}

/** Starts a Redis without persistence. */
export async function startRedis() {
  const port = await freePort();
  return start('redis-server', ['--port', `${port}`, '--save', '', '--appendonly', 'no'], port);
}

/** Starts session-service. `admin` is the port of its metrics. */
export async function startService(store) {
  const [port, admin] = [await freePort(), await freePort()];
  const listen = ['--grpc-listen', `127.0.0.1:${port}`, '--admin-listen', `127.0.0.1:${admin}`];
  return { ...(await start(`${PROGRAMS}session-service`, ['--store', store, ...listen], port)), admin };
}

/** Starts a gateway for the service at a port. */
export async function startGateway(servicePort) {
  const [port, admin] = [await freePort(), await freePort()];
  const listen = ['--http-listen', `127.0.0.1:${port}`, '--admin-listen', `127.0.0.1:${admin}`];
  const backend = ['--backend', `http://127.0.0.1:${servicePort}`];
  return { ...(await start(`${PROGRAMS}gateway`, [...listen, ...backend], port)), admin };
}

/** Starts the program with everything in one process. `grpc` is the port of its service. */
export async function startNono(store) {
  const [port, grpc] = [await freePort(), await freePort()];
  const listen = ['--http-listen', `127.0.0.1:${port}`, '--grpc-listen', `127.0.0.1:${grpc}`];
  return { ...(await start(`${PROGRAMS}nono`, ['--store', store, ...listen], port)), grpc };
}

/** Returns a port that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Returns the CPU time of a process in microseconds. */
export function cpuMicros(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
}

/** Returns the resident memory of a process in MiB. */
export function residentMebibytes(pid) {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m);
  return Number(line[1]) / 1024;
}

export function delay(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.on('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
