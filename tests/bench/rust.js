// The benchmarks in Rust: their tables, and the figures that have targets.

import { execFileSync, spawn } from 'node:child_process';
import { PROGRAMS, ROOT } from './programs.js';

/** Always the same packages: Cargo compiles the dependencies of another selection with other features. */
export const IN_RUST = ['--locked', '--profile', 'dist', '--package', 'nono', '--package', 'session-service'];

/** Paths of the benchmarks by name. */
const executables = {};

/** Builds the benchmarks in Rust. */
export function buildBenchmarks() {
  const args = ['bench', ...IN_RUST, '--no-run', '--benches', '--message-format=json-render-diagnostics'];
  const output = execFileSync('cargo', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  for (const line of output.split('\n').filter(Boolean)) {
    const { target, executable } = JSON.parse(line);
    if (executable && target.kind.includes('bench')) executables[target.name] = executable;
  }
}

/** Costs of calls, their growth with the amount of data, and memory. */
export async function store(report) {
  const [calls, replicas, growth, memory] = await bench('store', report);
  report.table('gRPC over Redis', calls.columns, calls.rows);
  report.table('Waiting for a replica', replicas.columns, replicas.rows);
  report.table('Growth', growth.columns, growth.rows);
  report.table('Memory', memory.columns, memory.rows);
  for (const call of ['Get', 'Create', 'Append, one message', 'History, 50 messages']) {
    report.check(`grpc.${call}`, { value: figure(calls, { [calls.columns[0]]: call }, 'ratio') });
  }
  for (const page of ['List', 'History, from the middle']) {
    const [, larger] = growth.rows.filter(([name]) => name === page);
    report.check(`growth.${page}`, { value: Number(larger.at(-1)) });
  }
  report.check('memory.session', { value: Number(memory.rows[0][1]) });
  report.check('memory.message', { value: Number(memory.rows[1][1]) });
}

/** Chat through the gateway and through nono, against the model called directly. */
export async function relay(report) {
  const [paced, unpaced] = await bench('relay', report);
  report.table('Chat relay, paced', paced.columns, paced.rows);
  report.table('Chat relay, unpaced', unpaced.columns, unpaced.rows);
  const column = paced.columns.find((name) => name.startsWith('first piece'));
  const first = (through) => figure(paced, { streams: '1', through }, column);
  report.check('relay.first', { value: first('gateway and session-service') - first('the model') });
  const late = (through) => figure(paced, { streams: '1000', through }, 'p99 ms');
  report.check('relay.late', { value: late('gateway and session-service') });
}

/** Watchers: delays, memory and costs. */
export async function watch(report) {
  const [watchers, turns] = await bench('watch', report, { NONO_BENCH_WATCHERS: '10000' });
  report.table('Watchers', watchers.columns, watchers.rows);
  report.table('Running turns', turns.columns, turns.rows);
  const idle = (column) => figure(watchers, { watchers: '10000', of: 'the same service' }, column);
  report.check('watch.memory', { value: idle('KiB a watcher') });
  report.check('watch.service', { value: idle('service, % of a core') });
  report.check('watch.Redis', { value: idle('Redis, % of a core') });
}

/** Open-loop load at multiples of the peak, and readers of large pages. */
export async function overload(report) {
  const [loads, readers] = await bench('overload', report);
  report.table('Overload', loads.columns, loads.rows);
  report.table('Readers of large pages', readers.columns, readers.rows);
  for (const target of ['service', 'gateway']) {
    const at4x = { through: target, load: '4x' };
    const isMeasured = !cell(loads, at4x, 'generator').includes('THE BOTTLENECK');
    const value = (column) => (isMeasured ? figure(loads, at4x, column) : Number.NaN);
    report.check(`overload.${target}`, { value: value('of the peak') });
    report.check(`overload.${target}.p99`, { value: value('p99 ms') });
  }
}

/** Runs a benchmark and returns the tables that it prints. */
function bench(name, report, variables = {}) {
  const env = { ...process.env, NONO_BENCH_PROGRAMS: PROGRAMS, ...variables };
  const child = spawn(executables[name], ['--bench'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text) => {
    output += text;
    report.progress(`${output.split('\n').filter((line) => line.startsWith('|')).length} rows`);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve(parseTables(output)) : reject(new Error(`${name} has failed`))));
  });
}

/** Parses Markdown tables. */
function parseTables(text) {
  const blocks = text.split(/\n(?!\|)/).map((block) => block.split('\n').filter((line) => line.startsWith('|')));
  const cells = (line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  return blocks
    .filter((lines) => lines.length > 2)
    .map(([columns, , ...rows]) => ({ columns: cells(columns), rows: rows.map(cells) }));
}

/** Returns the text in a column of the row with these values. */
function cell({ columns, rows }, values, column) {
  const matches = (row) => Object.entries(values).every(([name, value]) => row[columns.indexOf(name)] === value);
  return rows.find(matches)?.[columns.indexOf(column)];
}

/** Returns the number at the beginning of a cell. `NaN` is a figure that could not be measured. */
function figure(table, values, column) {
  const text = cell(table, values, column);
  const found = Number.parseFloat(text);
  if (Number.isNaN(found) && text !== 'NaN') throw new Error(`no ${column} for ${JSON.stringify(values)}`);
  return found;
}
