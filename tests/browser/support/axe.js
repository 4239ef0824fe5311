// Analyses by axe, in light from left to right and in dark from right to left.

import { AxeBuilder } from '@axe-core/playwright';
import { expect } from './fixture.js';
import { waitForStableLayout } from './stable-layout.js';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'];
export const LOOKS = [
  { colorScheme: 'light', direction: 'ltr' },
  { colorScheme: 'dark', direction: 'rtl' },
];

/** Expects that axe finds nothing in the state of the page. */
export async function expectNoViolations(page, state) {
  await waitForStableLayout(page);
  // Legacy mode needs no second page, whose clock would be stopped. It differs only for pages with frames.
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).setLegacyMode().analyze();
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`,
  );
  expect(found, state).toEqual([]);
}

/** Sets the colour scheme and the direction, and a timeout for analyses that take about a second each. */
export function configure(suite, { colorScheme, direction }) {
  suite.describe.configure({ timeout: 120_000 });
  // Without transitions, or axe would measure intermediate colours.
  suite.use({ colorScheme, contextOptions: { reducedMotion: 'reduce' } });
  suite.beforeEach(({ context }) =>
    context.addInitScript(
      (dir) => document.addEventListener('DOMContentLoaded', () => (document.documentElement.dir = dir)),
      direction,
    ),
  );
}
