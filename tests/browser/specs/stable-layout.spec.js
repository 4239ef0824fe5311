// The helpers that wait for a stable layout and stop the page's clock.

import { stopClock } from '../support/clock.js';
import { expect, test } from '../support/fixture.js';
import { expectMeasured, waitForStableLayout } from '../support/stable-layout.js';

const FRAMES = 40;

/** Runs in the page. Changes the welcome page's Sessions button in each of `frames` frames; the last change leaves it 50 pixels high. */
function changeLate({ frames, replace }) {
  let left = frames;
  window.changes = 0;
  (function change() {
    const old = document.getElementById('sessions-button');
    const node = replace ? old.cloneNode(true) : old;
    node.style.height = `${50 + (left -= 1)}px`;
    if (replace) old.replaceWith(node);
    window.changes += 1;
    if (left > 0) requestAnimationFrame(change);
  })();
}

for (const [how, replace] of [
  ['resized', false],
  ['replaced', true],
]) {
  test(`waitForStableLayout waits until an element is no longer ${how}`, async ({ page }) => {
    await page.goto('/');
    await page.evaluate(changeLate, { frames: FRAMES, replace });
    await waitForStableLayout(page);
    expect(await page.evaluate(() => window.changes)).toBe(FRAMES);
  });
}

test('waitForStableLayout waits until an animation has ended', async ({ page }) => {
  await page.goto('/');
  await page.evaluate(() => {
    const { body } = document;
    body.animate([{ opacity: 0 }, { opacity: 1 }], 1_000).finished.then(() => (window.ended = true));
  });
  await waitForStableLayout(page);
  expect(await page.evaluate(() => window.ended)).toBe(true);
});

test('expectMeasured waits for the expected value', async ({ page }) => {
  await page.goto('/');
  await page.evaluate(changeLate, { frames: FRAMES, replace: true });
  await expectMeasured(page, () => document.getElementById('sessions-button').getBoundingClientRect().height, 50);
});

test('a stopped clock advances only by the test, and waitForStableLayout does not depend on it', async ({ page }) => {
  await page.clock.install();
  await page.goto('/');
  await stopClock(page);
  const now = () => page.evaluate(() => Date.now());
  const stopped = await now();
  await waitForStableLayout(page);
  expect(await now()).toBe(stopped);
  await page.clock.runFor(5_000);
  expect(await now()).toBe(stopped + 5_000);
});
