// The documented operations, against a minimal service with FastAPI and redis-py.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { creations, rest } from './load.js';
import { freePort, ROOT, start, startGateway, startRedis, startService } from './programs.js';
import { interleave, median, ratio } from './rounds.js';
import { appendHundred, post } from './sessions.js';

const ROUNDS = 10;
const SLOW_ROUNDS = 3;
const WORKERS = 2;
const FEW_SESSIONS = 50;
const MANY_SESSIONS = 10_000;
const PYTHON = `${ROOT}target/bench-python/`;

/** @param {import('./report.js').Report} report */
export async function fastapi(report) {
  install(report);
  const ours = await startOurs();
  const theirs = await startTheirs();
  const operations = {
    List: (port) => rest(port, '/api/sessions?page_size=50'),
    History: (port) => rest(port, '/api/session/session-0/history?limit=50'),
  };
  for (const { port } of [ours, theirs]) await create(port, 0, FEW_SESSIONS);
  await appendHundred(ours.port, 'session-0');
  await post(theirs.port, '/fill/session-0/100');
  const variants = {};
  for (const [name, load] of Object.entries(operations)) {
    variants[`${name} of 50, FastAPI`] = { load: load(theirs.port) };
    variants[`${name} of 50, Nono`] = { load: load(ours.port) };
  }
  const few = await interleave(variants, ROUNDS, report.progress);
  for (const { port } of [ours, theirs]) await create(port, FEW_SESSIONS, MANY_SESSIONS);
  const many = await interleave(
    {
      'List of 50 of 10 000, FastAPI': { load: slowList(theirs.port) },
      'List of 50 of 10 000, Nono': { load: slowList(ours.port) },
    },
    SLOW_ROUNDS,
    report.progress,
  );
  // Last, because it creates further sessions.
  const created = await interleave(
    { 'Create, FastAPI': { load: creations(theirs.port) }, 'Create, Nono': { load: creations(ours.port) } },
    ROUNDS,
    report.progress,
  );
  const results = { ...few, ...many, ...created };
  report.table(
    `FastAPI with redis-py and ${WORKERS} workers, and Nono through its gateway`,
    ['operation', 'calls/s'],
    Object.entries(results).map(([name, { rates }]) => [name, median(rates).toFixed(0)]),
  );
  for (const operation of ['Create', 'List of 50', 'History of 50', 'List of 50 of 10 000']) {
    report.check(`fastapi.${operation}`, ratio(results[`${operation}, Nono`], results[`${operation}, FastAPI`]));
  }
  await ours.stop();
  await theirs.stop();
}

/** A scan of all sessions takes seconds, so fewer clients wait for it for longer. */
function slowList(port) {
  return rest(port, '/api/sessions?page_size=50', undefined, { connections: 4, seconds: 4 });
}

function install(report) {
  const [wanted, installed] = [`${ROOT}tests/bench/requirements.txt`, `${PYTHON}installed.txt`];
  const packages = readFileSync(wanted, 'utf8');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === packages) return;
  report.progress('installing the packages of the comparison into target/bench-python');
  execFileSync('python3', ['-m', 'venv', PYTHON]);
  execFileSync(`${PYTHON}bin/pip`, ['install', '-q', '--disable-pip-version-check', '-r', wanted]);
  writeFileSync(installed, packages);
}

async function startOurs() {
  const redis = await startRedis();
  const service = await startService(`redis://127.0.0.1:${redis.port}`);
  const gateway = await startGateway(service.port);
  return { port: gateway.port, stop: () => Promise.all([redis, service, gateway].map((program) => program.stop())) };
}

async function startTheirs() {
  const [redis, port] = [await startRedis(), await freePort()];
  const program = ['fastapi_service:app', '--app-dir', `${ROOT}tests/bench`, '--no-access-log'];
  const options = ['--port', `${port}`, '--workers', `${WORKERS}`, '--log-level', 'warning'];
  process.env.REDIS_URL = `redis://127.0.0.1:${redis.port}`;
  const service = await start(`${PYTHON}bin/uvicorn`, [...program, ...options], port);
  return { port, stop: () => Promise.all([redis, service].map((started) => started.stop())) };
}

async function create(port, from, to) {
  for (let first = from; first < to; first += 50) {
    const names = Array.from({ length: Math.min(50, to - first) }, (_, index) => `session-${first + index}`);
    await Promise.all(names.map((name) => post(port, '/api/session/create', { user_id: name })));
  }
}
