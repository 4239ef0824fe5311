// Rules for the browser specs, so that none depends on the speed of the machine.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const FOLDER = new URL('../specs/', import.meta.url);
/** The spec of the helpers themselves measures after they have returned. */
const OWN = 'stable-layout.spec.js';
const specs = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.spec.js') && name !== OWN)
  .map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]);

const RULES = [
  ['no spec sleeps', /waitForTimeout|=> setTimeout\(resolve/],
  [
    'no spec compares a value that was read from the page only once',
    /expect\(await (page|chat|other|one|\w+Button|\w+Dialog)\b[^\n]*\.(evaluate|evaluateAll|boundingBox|count|textContent|innerText|allTextContents|isVisible|isHidden|screenshot)\(/,
  ],
  [
    'no spec measures through evaluateAll, which takes two steps',
    /expect\(await [^\n]*evaluateAll\(|const \w+ = await page\s*\.locator\([^;]*evaluateAll\(/,
  ],
  [
    'no spec uses a short timeout as a clock',
    /toBe\w*\([^\n]*timeout: (\d{1,3}|[1-4]_\d{3})\b(?![^\n]*\/\/)|toHaveAttribute\([^\n]*timeout: (\d{1,3}|[1-4]_\d{3})\b/,
  ],
];

for (const [rule, pattern] of RULES) {
  test(rule, () => {
    for (const [name, text] of specs) assert.doesNotMatch(text, pattern, name);
  });
}
