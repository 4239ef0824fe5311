// The report: figures against targets, raw tables, and docs/benchmarks.md.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { overloadChart } from './chart.js';
import { ROOT } from './programs.js';
import { TARGETS, verdict } from './targets.js';

const WORDS = { met: 'met', recorded: 'floor recorded', missed: '**missed**', unmeasured: '**not measured**' };

export class Report {
  figures = new Map();
  tables = [];
  #start = Date.now();
  #part = '';

  begin(part) {
    this.#part = part;
    this.progress('begins');
  }

  /** Prints what runs now, on one line. */
  progress = (text) => {
    const seconds = Math.round((Date.now() - this.#start) / 1000);
    const line = `${String(seconds).padStart(4)} s  ${this.#part}: ${text}`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };

  /** Adds a table of raw figures. */
  table(title, columns, rows) {
    this.tables.push({ title, columns, rows });
  }

  /** Compares a figure with its target. */
  check(id, { value, min = value, max = value }) {
    if (!TARGETS[id]) throw new Error(`${id} has no target`);
    this.figures.set(id, { value, min, max, verdict: verdict(id, value) });
  }

  /** Returns the targets and the raw figures as Markdown. */
  markdown() {
    const targets = {
      title: 'Targets',
      columns: ['what', 'measured', 'spread', 'target', 'result'],
      rows: [...this.figures].map(([id, { value, min, max, verdict: result }]) => {
        const { what, least, most, unit = '', recorded } = TARGETS[id];
        const bound = least === undefined ? `at most ${most}` : `at least ${least}`;
        const spread = !(min < max) ? '' : `${short(min)} to ${short(max)}`;
        const record = result === 'recorded' ? ` ([record](${recorded.where}))` : '';
        const measured = result === 'unmeasured' ? '' : `${short(value)} ${unit}`.trim();
        return [what, measured, spread, `${bound} ${unit}`.trim(), WORDS[result] + record];
      }),
    };
    return [targets, ...this.tables].map(render).join('\n');
  }

  get missed() {
    const fails = ['missed', 'unmeasured'];
    return [...this.figures].filter(([, figure]) => fails.includes(figure.verdict)).map(([id]) => TARGETS[id].what);
  }

  /** Writes docs/benchmarks.md and its chart. */
  write() {
    const method = readFileSync(new URL('method.txt', import.meta.url), 'utf8');
    const chart = overloadChart(this.tables.find(({ title }) => title === 'Overload'));
    writeFileSync(`${ROOT}docs/images/overload.svg`, chart);
    writeFileSync(`${ROOT}docs/benchmarks.md`, `${method.replace('{machine}', machine())}\n${this.markdown()}`);
  }
}

/** Returns a Markdown table with its title. */
function render({ title, columns, rows }) {
  const row = (cells) => `| ${cells.join(' | ')} |`;
  return [`## ${title}\n`, row(columns), `|${'---|'.repeat(columns.length)}`, ...rows.map(row), ''].join('\n');
}

function short(figure) {
  return figure >= 100 ? figure.toFixed(0) : figure >= 10 ? figure.toFixed(1) : figure.toFixed(2);
}

function machine() {
  const run = (command, ...args) => execFileSync(command, args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const model = cpus()[0].model.trim();
  const memory = Math.round(totalmem() / 2 ** 30);
  const redis = run('redis-server', '--version').match(/v=(\S+)/)[1];
  const commit = run('git', 'rev-parse', '--short', 'HEAD');
  const today = new Date().toISOString().slice(0, 10);
  return `${today}, commit ${commit}: ${cpus().length} cores (${model}), ${memory} GiB, Linux ${release()}, Redis ${redis}.`;
}
