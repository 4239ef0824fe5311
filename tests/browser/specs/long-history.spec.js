// A conversation of a thousand messages: it opens at its end, is read upwards to its beginning, and typing stays quick.
// What was measured goes to results/long.json and is not judged: a figure depends on the machine.

import { mkdir, writeFile } from 'node:fs/promises';
import { address, expect, store, test } from '../support/fixture.js';

const COUNT = 1_000;
const RESULTS = new URL('../results/', import.meta.url);

const TALK = Array.from({ length: COUNT }, (_, index) => {
  const number = index + 1;
  if (index % 2 === 0) return ['user', `message ${number}: how does this go on?`];
  if (index % 10 === 1) return ['assistant', `message ${number}\n\n\`\`\`js\nconst number = ${number};\nconsole.log(number * 2);\n\`\`\`\n\nThat is **all**.`];
  return ['assistant', `message ${number}: ${'Some words that fill a line or two. '.repeat(1 + (index % 5))}\n\n- one\n- two`];
});

/** Milliseconds from each key to the next picture, as the page itself sees them. */
async function typing(page, text) {
  await page.evaluate(() => {
    const known = window.delays;
    window.delays = [];
    if (known) return;
    document.getElementById('message').addEventListener('keydown', (event) => {
      requestAnimationFrame(() => setTimeout(() => window.delays.push(performance.now() - event.timeStamp), 0));
    });
  });
  await page.keyboard.type(text, { delay: 30 });
  const delays = (await page.evaluate(() => window.delays)).sort((a, b) => a - b);
  const at = (share) => Number(delays[Math.floor(delays.length * share)].toFixed(1));
  return { keys: delays.length, median_ms: at(0.5), p95_ms: at(0.95), longest_ms: Number(delays.at(-1).toFixed(1)) };
}

const sinceStart = (page) => page.evaluate(() => Math.round(performance.now()));

test('a thousand messages load page by page, keep the reader in place, and do not slow typing', async ({ page, chat, name, request }) => {
  test.setTimeout(120_000);
  await store(request, name, TALK);
  await page.goto(address(name));
  await expect(chat.rows.last()).toBeInViewport();
  await expect(chat.rows.last()).toContainText(`message ${COUNT}`);
  const results = { messages: COUNT, open_ms: await sinceStart(page) };

  await chat.message.focus();
  results.typing_with_50 = await typing(page, 'the quick brown fox jumps over the lazy dog');

  const begun = await sinceStart(page);
  for (let loaded = 50; loaded < COUNT; loaded += 50) {
    const oldest = chat.rows.first();
    const label = await oldest.locator('.body').textContent();
    await chat.scrollToTop();
    await expect(chat.rows).not.toHaveCount(loaded);
    await expect(chat.rows.filter({ hasText: label.slice(0, 14) }).first()).toBeInViewport();
  }
  await expect(chat.rows).toHaveCount(COUNT);
  results.load_all_ms = (await sinceStart(page)) - begun;

  await chat.message.focus();
  results.typing_with_1000 = await typing(page, ' and writes a long and thoughtful message');
  await chat.say('message 1001');
  await expect(chat.rows.last()).toBeInViewport();
  results.rows = await chat.rows.count();

  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL('long.json', RESULTS), `${JSON.stringify(results, null, 2)}\n`);
});
