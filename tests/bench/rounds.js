// Interleaved rounds: each variant runs once per round, because the speed of a machine changes within seconds.

import { SECONDS } from './load.js';
import { cpuMicros, delay } from './programs.js';

const PAUSE_MS = 50;

/**
 * Difference from the median speed of the machine up to which a turn counts. Others share the machine, and its speed changes by almost
 * a half for some seconds.
 */
const USUAL = 0.25;
/** Number of turns without which there is no figure. */
const TURNS_MIN = 5;

/**
 * Runs variants in turn, each once before to warm up. A variant has the function `load`, which returns calls per second, and names
 * processes in `pids` whose CPU time per call is measured. `calibrate` returns the speed of the machine.
 *
 * @param {Record<string, { load: () => Promise<number>, pids?: Record<string, number> }>} variants
 * @param {number} rounds
 * @param {(name: string) => void} progress
 * @param {() => Promise<number>} [calibrate]
 * @returns of the turns of each variant that count: the rates, the same relative to the speed of the machine, the CPU microseconds
 *   per call by process, and whether there are enough
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
      turns.push({ name, rate, used, speeds: [speed, next] });
      speed = next;
      await delay(PAUSE_MS);
    }
  }
  const usual = median(turns.flatMap(({ speeds }) => speeds));
  const counted = turns.filter(({ speeds }) => speeds.every((speed) => Math.abs(speed / usual - 1) <= USUAL));
  return Object.fromEntries(Object.keys(variants).map((name) => [name, figures(name, counted, rounds)]));
}

function figures(name, counted, rounds) {
  const turns = counted.filter((turn) => turn.name === name);
  const micros = {};
  for (const { rate, used } of turns) {
    for (const [process, time] of used) (micros[process] ??= []).push(time / (rate * SECONDS));
  }
  return {
    rates: turns.map(({ rate }) => rate),
    relative: turns.map(({ rate, speeds: [before, after] }) => rate / (before + after)),
    micros,
    hasEnough: turns.length >= Math.min(TURNS_MIN, rounds),
  };
}

export function median(figures) {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted.length === 0 ? Number.NaN : sorted[Math.floor(sorted.length / 2)];
}

/** Returns the median of figures, with their minimum and maximum. */
export function spread(figures) {
  return { value: median(figures), min: Math.min(...figures), max: Math.max(...figures) };
}

/** Returns what a variant reaches of another one in the same rounds, of which all turns count, as `spread` does. */
export function pairedRatio(variant, baseline) {
  return spread(variant.rates.map((rate, round) => rate / baseline.rates[round]));
}

/** Returns what a variant reaches of another one, as `spread` does. Not a number: too few of their turns count. */
export function ratio(variant, baseline) {
  const whole = variant.hasEnough && baseline.hasEnough ? median(baseline.relative) : Number.NaN;
  return spread(variant.relative.map((rate) => rate / whole));
}
