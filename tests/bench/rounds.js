// Interleaved rounds: each variant runs once per round, because the speed of a machine changes within seconds.

import { SECONDS } from './load.js';
import { cpuMicros, delay } from './programs.js';

const PAUSE_MS = 50;

/**
 * Runs variants in turn, each once before to warm up. A variant has the function `load`, which returns calls per second, and names processes in `pids` whose CPU
 * time per call is measured.
 *
 * @param {Record<string, { load: () => Promise<number>, pids?: Record<string, number> }>} variants
 * @param {number} rounds
 * @param {(name: string) => void} progress
 * @returns the rates of each variant, and its CPU microseconds per call by process
 */
export async function interleave(variants, rounds, progress) {
  const results = {};
  for (const name of Object.keys(variants)) results[name] = { rates: [], micros: {} };
  for (const [name, { load }] of Object.entries(variants)) {
    progress(`warm-up: ${name}`);
    // Limits on concurrent calls begin low. The rounds must not fail.
    await load().catch(() => {});
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, { load, pids = {} }] of Object.entries(variants)) {
      progress(`round ${round + 1} of ${rounds}: ${name}`);
      const before = Object.values(pids).map(cpuMicros);
      const rate = await load();
      results[name].rates.push(rate);
      Object.entries(pids).forEach(([process, pid], index) => {
        const used = (cpuMicros(pid) - before[index]) / (rate * SECONDS);
        (results[name].micros[process] ??= []).push(used);
      });
      await delay(PAUSE_MS);
    }
  }
  return results;
}

export function median(figures) {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Returns the median of figures, with their minimum and maximum. */
export function spread(figures) {
  return { value: median(figures), min: Math.min(...figures), max: Math.max(...figures) };
}

/** Returns the ratios of the rounds, as `spread` does. */
export function ratio(variant, baseline) {
  return spread(variant.rates.map((rate, round) => rate / baseline.rates[round]));
}
