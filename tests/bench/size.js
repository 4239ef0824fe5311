// Start, resident memory and size of each program.

import { statSync } from 'node:fs';
import { delay, PROGRAMS, residentMebibytes, startGateway, startNono, startRedis, startService } from './programs.js';
import { median } from './rounds.js';

const STARTS = 9;
const IDLE_MS = 1000;

/** @param {import('./report.js').Report} report */
export async function size(report) {
  const redis = await startRedis();
  const backend = await startService(`redis://127.0.0.1:${redis.port}`);
  const programs = {
    nono: () => startNono('memory:'),
    'session-service': () => startService(`redis://127.0.0.1:${redis.port}`),
    gateway: () => startGateway(backend.port),
  };
  const rows = [];
  for (const [name, start] of Object.entries(programs)) {
    const [times, sizes] = [[], []];
    for (let round = 0; round < STARTS; round++) {
      report.progress(`${name}, start ${round + 1} of ${STARTS}`);
      const begun = performance.now();
      const program = await start();
      times.push(performance.now() - begun);
      if (round === 0) await delay(IDLE_MS);
      sizes.push(residentMebibytes(program.pid));
      await program.stop();
    }
    const megabytes = statSync(`${PROGRAMS}${name}`).size / 1e6;
    report.check(`start.${name}`, { value: median(times), min: Math.min(...times), max: Math.max(...times) });
    report.check(`resident.${name}`, { value: sizes[0] });
    report.check(`size.${name}`, { value: megabytes });
    rows.push([name, median(times).toFixed(0), sizes[0].toFixed(1), megabytes.toFixed(1)]);
  }
  report.table('Programs', ['program', 'start to listening, ms', 'resident MiB', 'size in MB'], rows);
  await backend.stop();
  await redis.stop();
}
