// Loads: h2load for gRPC and REST, wrk for requests that differ, redis-benchmark for plain commands.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'nono-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** Duration of one load in seconds. It is short, because the speed of a machine changes within seconds. */
export const SECONDS = 0.5;
/** Duration of one load of wrk, which knows only whole seconds. */
const WRK_SECONDS = 1;
/** Connections and concurrent streams of each for gRPC. */
const GRPC = ['-c8', '-m16'];

/** Returns a function that sends one gRPC request repeatedly, and returns calls per second. */
export function grpc(port, method, message, seconds = SECONDS) {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  return () => h2load([...GRPC, ...headers, '-d', file(frame), `http://127.0.0.1:${port}/${method}`], seconds);
}

/**
 * Returns a function that sends one REST request repeatedly, a POST if it has a body.
 *
 * @param {{ connections?: number, seconds?: number }} options for responses that take seconds
 */
export function rest(port, path, body, { connections = 64, seconds = SECONDS } = {}) {
  const post = body === undefined ? [] : ['-H', 'content-type: application/json', '-d', file(JSON.stringify(body))];
  return () => h2load(['--h1', `-c${connections}`, ...post, `http://127.0.0.1:${port}${path}`], seconds);
}

/** Returns a function that creates sessions with new names over REST. */
export function creations(port) {
  let series = 0;
  return () => {
    const name = `${port}-${process.pid}-${++series}`;
    const script = file(`
      local number = 0
      local headers = {["content-type"] = "application/json"}
      local thread = 0
      function setup(t) thread = thread + 1; t:set("id", thread) end
      function request()
        number = number + 1
        return wrk.format("POST", nil, headers, '{"user_id":"${name}-' .. id .. '-' .. number .. '"}')
      end
    `);
    return wrk(['-t1', '-c64', '-s', script, `http://127.0.0.1:${port}/api/session/create`]);
  };
}

/** Returns a function that runs plain commands of Redis, without pipelining. */
export function redisCommand(port, ...command) {
  return async () => {
    const { stdout } = await run('redis-benchmark', ['-p', `${port}`, '-c', '64', '-n', '30000', '--csv', ...command]);
    return Number(stdout.trim().split('\n').at(-1).split('","')[1]);
  };
}

async function h2load(args, seconds = SECONDS) {
  const { stdout } = await run('h2load', ['-t1', `-D${seconds * 1000}ms`, ...args]);
  const [, rate] = stdout.match(/finished in [^,]+, ([\d.]+) req\/s/);
  const [, failed, errored] = stdout.match(/(\d+) failed, (\d+) errored/);
  const [, succeeded] = stdout.match(/status codes: (\d+) 2xx/);
  if (Number(failed) + Number(errored) > 0 || Number(succeeded) === 0) {
    throw new Error(`calls have failed:\nh2load ${args.join(' ')}\n${stdout}`);
  }
  return Number(rate);
}

async function wrk(args) {
  const { stdout } = await run('wrk', [`-d${WRK_SECONDS}`, ...args]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`calls have failed:\nwrk ${args.join(' ')}\n${stdout}`);
  return Number(stdout.match(/Requests\/sec:\s+([\d.]+)/)[1]);
}

function file(content) {
  const path = join(folder, `${++files}`);
  writeFileSync(path, content);
  return path;
}

/** Encodes protobuf fields: texts and whole numbers by field number. */
export function message(fields) {
  const parts = Object.entries(fields).map(([field, value]) => {
    if (typeof value === 'number') return Buffer.concat([varint(field << 3), varint(value)]);
    const text = Buffer.from(value);
    return Buffer.concat([varint((field << 3) | 2), varint(text.length), text]);
  });
  return Buffer.concat(parts);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value >>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}
