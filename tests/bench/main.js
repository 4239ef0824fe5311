// Runs the benchmarks and compares them with their targets: `node tests/bench/main.js [part...]`.

import { execFileSync } from 'node:child_process';
import { fastapi } from './fastapi.js';
import { gateway } from './gateway.js';
import { ROOT } from './programs.js';
import { Report } from './report.js';
import { buildBenchmarks, IN_RUST, overload, relay, store, watch } from './rust.js';
import { size } from './size.js';

const PARTS = { size, gateway, fastapi, store, relay, overload, watch };
const TOOLS = {
  h2load: 'nghttp2-client',
  wrk: 'wrk',
  'redis-server': 'redis-server',
  'redis-benchmark': 'redis-tools',
};

const selected = process.argv.slice(2);
const unknown = selected.filter((name) => !PARTS[name]);
if (unknown.length > 0) fail(`unknown: ${unknown.join(', ')}. Parts: ${Object.keys(PARTS).join(', ')}`);
for (const [tool, debianPackage] of Object.entries(TOOLS)) {
  try {
    execFileSync('which', [tool]);
  } catch {
    fail(`${tool} is missing. Install the Debian package ${debianPackage}.`);
  }
}
build();

const report = new Report();
for (const [name, run] of Object.entries(PARTS)) {
  if (selected.length > 0 && !selected.includes(name)) continue;
  report.begin(name);
  try {
    await run(report);
  } catch (error) {
    process.stdout.write(report.markdown());
    throw error;
  }
}
process.stderr.write('\n');
process.stdout.write(report.markdown());
if (selected.length === 0) report.write();
if (report.missed.length > 0) fail(`missed: ${report.missed.join('; ')}`);
process.exit(0);

/**
 * Builds the programs, the baseline and the benchmarks in Rust with the profile of the images. The programs come last: those that Cargo
 * builds for benchmarks have the features of tests, too.
 */
function build() {
  const cargo = (...args) => execFileSync('cargo', args, { cwd: ROOT, stdio: 'inherit' });
  cargo('build', ...IN_RUST, '--example', 'baseline');
  const inRust = ['store', 'relay', 'overload', 'watch'];
  if (selected.length === 0 || selected.some((name) => inRust.includes(name))) buildBenchmarks();
  cargo('build', '--locked', '--profile', 'dist', '-p', 'nono', '-p', 'session-service', '-p', 'gateway');
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
