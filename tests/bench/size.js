// Start, resident memory and size of each program.

import { statSync } from 'node:fs';
import { delay, PROGRAMS, residentMebibytes, startGateway, startNono, startRedis, startService } from './programs.js';
import { median, spread } from './rounds.js';

const STARTS = 9;
const IDLE_STARTS = 3;
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
      if (round < IDLE_STARTS) {
        await delay(IDLE_MS);
        sizes.push(residentMebibytes(program.pid));
      }
      await program.stop();
    }
    const megabytes = statSync(`${PROGRAMS}${name}`).size / 1e6;
    report.check(`start.${name}`, spread(times));
    report.check(`resident.${name}`, spread(sizes));
    report.check(`size.${name}`, { value: megabytes });
    rows.push([name, median(times).toFixed(0), median(sizes).toFixed(1), megabytes.toFixed(1)]);
  }
  report.table('Programs', ['program', 'start to listening, ms', 'resident MiB', 'size in MB'], rows);
  await backend.stop();
  await redis.stop();
}
