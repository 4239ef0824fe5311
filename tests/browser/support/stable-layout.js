// Waits for a stable layout, before a test measures a size or a colour or takes a screenshot.

import { expect } from '@playwright/test';

/** Ends a test whose layout never becomes stable. With a thousand messages, one comparison takes seconds on a busy machine. */
const STABLE_TIMEOUT_MS = 30_000;

/** Init script that keeps real animation frames available, because a test may replace and stop the clock. */
export function keepFrames() {
  const request = window.requestAnimationFrame.bind(window);
  Object.defineProperty(window, 'realFrame', { value: () => new Promise((resolve) => request(resolve)) });
}

/**
 * Waits until the fonts and the document are loaded, every animation that ends has ended, and no box and no scroll position
 * has changed for two frames. Fails with the first element that still changes.
 */
export async function waitForStableLayout(page) {
  const limits = { message: 'the layout is stable', timeout: STABLE_TIMEOUT_MS };
  await expect.poll(() => page.evaluate(firstChange), limits).toBeNull();
}

/** Waits for a stable layout and measures once, for values that must not occur even briefly. */
export async function measureStable(page, measurement) {
  await waitForStableLayout(page);
  return page.evaluate(measurement);
}

/**
 * Waits for a stable layout and measures until the result is `value`. `measurement` runs in the page as one step: `evaluateAll` of a
 * locator takes two, and an element that is replaced between them has no size.
 */
export async function expectMeasured(page, measurement, value, message) {
  await waitForStableLayout(page);
  await expect.poll(() => page.evaluate(measurement), { message }).toEqual(value);
}

/** Runs in the page. Returns a description of the first change within two frames, or null. */
async function firstChange() {
  const running = () =>
    document
      .getAnimations()
      .find(({ playState, effect }) => playState === 'running' && Number.isFinite(effect.getComputedTiming().endTime));
  const outline = (node) => node.outerHTML.slice(0, 120);
  const layout = () =>
    [...document.querySelectorAll('*')].map((node) => {
      const { x, y, width, height } = node.getBoundingClientRect();
      return [
        node,
        [x, y, width, height, node.scrollTop, node.scrollLeft, node.scrollWidth, node.scrollHeight].join(' '),
      ];
    });

  await document.fonts.ready;
  if (document.readyState !== 'complete') return `the document is ${document.readyState}`;
  const before = layout();
  await window.realFrame();
  await window.realFrame();
  const animation = running();
  if (animation)
    return `${animation.transitionProperty ?? animation.animationName} of ${outline(animation.effect.target)}`;
  const after = layout();
  const index = after.findIndex(([node, box], at) => node !== before[at]?.[0] || box !== before[at][1]);
  if (index >= 0) return outline(after[index][0]);
  return before.length === after.length ? null : outline(before[after.length][0]);
}
