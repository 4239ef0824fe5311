// Waiting for a still page. A size, a colour or a picture is true only when the layout no longer changes.

import { expect } from '@playwright/test';

/** Init script that keeps real animation frames available: a test may install a fake clock later, and stop it. */
export function keepFrames() {
  const request = window.requestAnimationFrame.bind(window);
  Object.defineProperty(window, 'realFrame', { value: () => new Promise((resolve) => request(resolve)) });
}

/**
 * Waits until the fonts and the document are loaded, every animation that ends has ended, and no box and no scroll position
 * has changed for two frames. Fails with the first element that still changes.
 */
export async function settled(page) {
  await expect.poll(() => page.evaluate(firstChange), { message: 'the layout is stable' }).toBeNull();
}

/** Measures a settled page once, for what must not be seen even briefly. */
export async function measured(page, measurement) {
  await settled(page);
  return page.evaluate(measurement);
}

/**
 * Measures a settled page until the result is `value`. `measurement` runs in the page as one step: a locator's `evaluateAll` takes two,
 * and an element that is replaced between them has no size.
 */
export async function expectMeasured(page, measurement, value, message) {
  await settled(page);
  await expect.poll(() => page.evaluate(measurement), { message }).toEqual(value);
}

/** Runs in the page. Returns a description of the first change within two frames, or null. */
async function firstChange() {
  const running = () => document.getAnimations().find(({ playState, effect }) => playState === 'running' && Number.isFinite(effect.getComputedTiming().endTime));
  const describe = (node) => node.outerHTML.slice(0, 120);
  const layout = () =>
    [...document.querySelectorAll('*')].map((node) => {
      const { x, y, width, height } = node.getBoundingClientRect();
      return [node, [x, y, width, height, node.scrollTop, node.scrollLeft, node.scrollWidth, node.scrollHeight].join(' ')];
    });

  await document.fonts.ready;
  if (document.readyState !== 'complete') return `the document is ${document.readyState}`;
  const before = layout();
  await window.realFrame();
  await window.realFrame();
  const animation = running();
  if (animation) return `${animation.transitionProperty ?? animation.animationName} of ${describe(animation.effect.target)}`;
  const after = layout();
  const index = after.findIndex(([node, box], at) => node !== before[at]?.[0] || box !== before[at][1]);
  if (index >= 0) return describe(after[index][0]);
  return before.length === after.length ? null : describe(before[after.length][0]);
}
