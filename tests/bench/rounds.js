// Interleaved rounds: each variant runs once per round, because the speed of a machine changes within seconds.

import { SECONDS } from './load.js';
import { cpuMicros, delay } from './programs.js';

const PAUSE_MS = 50;

/**
 * Runs variants in turn, each once before to warm up. A variant has the function `load`, which returns calls per second, the duration
 * of its load in `seconds`, and names processes in `pids` whose CPU time per call is measured.
 *
 * @param {Record<string, { load: () => Promise<number>, seconds?: number, pids?: Record<string, number> }>} variants
 * @param {number} rounds
 * @param {(name: string) => void} progress
 * @returns {Promise<Record<string, { rates: number[], micros: Record<string, number[]> }>>} the rates and the CPU microseconds per call
 *   by process, of each round
 */
export async function interleave(variants, rounds, progress) {
  for (const [name, { load }] of Object.entries(variants)) {
    progress(`warm-up: ${name}`);
    // Limits on concurrent calls begin low. The rounds must not fail.
    await load().catch(() => {});
  }
  const results = Object.fromEntries(Object.keys(variants).map((name) => [name, { rates: [], micros: {} }]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, { load, seconds = SECONDS, pids = {} }] of Object.entries(variants)) {
      progress(`round ${round + 1} of ${rounds}: ${name}`);
      const { rates, micros } = results[name];
      const before = Object.values(pids).map(cpuMicros);
      const rate = await load();
      Object.entries(pids).forEach(([process, pid], index) => {
        (micros[process] ??= []).push((cpuMicros(pid) - before[index]) / (rate * seconds));
      });
      rates.push(rate);
      await delay(PAUSE_MS);
    }
  }
  return results;
}

export function median(figures) {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted.length === 0 ? Number.NaN : sorted[Math.floor(sorted.length / 2)];
}

/** Returns the median of figures, with their minimum and maximum. */
export function spread(figures) {
  return { value: median(figures), min: Math.min(...figures), max: Math.max(...figures) };
}

/** Returns what a variant reaches of another one in the same round, as `spread` does. */
export function ratio(variant, baseline) {
  return spread(variant.rates.map((rate, round) => rate / baseline.rates[round]));
}
