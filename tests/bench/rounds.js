// Interleaved rounds: each variant runs once per round, because the speed of a machine changes within seconds.

import { SECONDS } from './load.js';
import { cpuMicros, delay } from './programs.js';

const PAUSE_MS = 50;

/**
 * Speed of the machine, of the fastest in the run, from which it is the usual one. Others share it, and slow it down by almost a half
 * for some seconds. Turns next to a slower calibration are left out.
 */
const QUIET = 0.75;
/** Number of turns without which there is no figure. */
const TURNS_MIN = 5;

/**
 * Runs variants in turn, each once before to warm up. A variant has the function `load`, which returns calls per second, and names processes in `pids` whose CPU
 * time per call is measured. `calibrate` returns the speed of the machine.
 *
 * @param {Record<string, { load: () => Promise<number>, pids?: Record<string, number> }>} variants
 * @param {number} rounds
 * @param {(name: string) => void} progress
 * @param {() => Promise<number>} [calibrate]
 * @returns the rates of each variant by round, and its CPU microseconds per call by process. Not a number: it was left out
 */
export async function interleave(variants, rounds, progress, calibrate = async () => 1) {
  for (const [name, { load }] of Object.entries(variants)) {
    progress(`warm-up: ${name}`);
    // Limits on concurrent calls begin low. The rounds must not fail.
    await load().catch(() => {});
  }
  const turns = [];
  let speed = await calibrate();
  for (let round = 0; round < rounds; round++) {
    for (const [name, { load, pids = {} }] of Object.entries(variants)) {
      progress(`round ${round + 1} of ${rounds}: ${name}`);
      const before = Object.values(pids).map(cpuMicros);
      const rate = await load();
      const used = Object.entries(pids).map(([process, pid], index) => [process, cpuMicros(pid) - before[index]]);
      const next = await calibrate();
      turns.push({ name, rate, used, speed: Math.min(speed, next) });
      speed = next;
      await delay(PAUSE_MS);
    }
  }
  const usual = QUIET * Math.max(...turns.map((turn) => turn.speed));
  return Object.fromEntries(Object.keys(variants).map((name) => [name, figures(name, turns, usual)]));
}

function figures(name, turns, usual) {
  const rates = [];
  const micros = {};
  for (const { rate, used, speed } of turns.filter((turn) => turn.name === name)) {
    const isQuiet = speed >= usual;
    rates.push(isQuiet ? rate : Number.NaN);
    for (const [process, time] of used) {
      micros[process] ??= [];
      micros[process].push(isQuiet ? time / (rate * SECONDS) : Number.NaN);
    }
  }
  return { rates, micros };
}

export function median(figures) {
  const sorted = figures.filter((figure) => !Number.isNaN(figure)).sort((a, b) => a - b);
  return sorted.length === 0 ? Number.NaN : sorted[Math.floor(sorted.length / 2)];
}

/** Returns the median of figures, with their minimum and maximum. Those that were left out do not count. */
export function spread(figures) {
  const measured = figures.filter((figure) => !Number.isNaN(figure));
  const value = measured.length < Math.min(TURNS_MIN, figures.length) ? Number.NaN : median(measured);
  return { value, min: Math.min(...measured), max: Math.max(...measured) };
}

/** Returns the ratios of the rounds, as `spread` does. */
export function ratio(variant, baseline) {
  return spread(variant.rates.map((rate, round) => rate / baseline.rates[round]));
}
