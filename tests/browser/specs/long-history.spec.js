// A conversation of a thousand messages: it opens at its end and is loaded up to its beginning, and typing remains fast.
// The measurements are written to results/long.json and not asserted, because they depend on the machine.

import { mkdir, writeFile } from 'node:fs/promises';
import { createStored, expect, pathOf, test } from '../support/fixture.js';

const COUNT = 1_000;
const RESULTS = new URL('../results/', import.meta.url);

const TALK = Array.from({ length: COUNT }, (_, index) => {
  const number = index + 1;
  if (index % 2 === 0) return ['user', `message ${number}: how does this go on?`];
  if (index % 10 === 1)
    return [
      'assistant',
      `message ${number}\n\n\`\`\`js\nconst number = ${number};\nconsole.log(number * 2);\n\`\`\`\n\nThat is **all**.`,
    ];
  return [
    'assistant',
    `message ${number}: ${'Some words that fill a line or two. '.repeat(1 + (index % 5))}\n\n- one\n- two`,
  ];
});

/** Types a text and returns the milliseconds from each key to the next frame, as measured in the page. */
async function measureTyping(page, text) {
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

test('a thousand messages are loaded page by page, preserve the scroll position and do not slow down typing', async ({
  page,
  chat,
  name,
  request,
}) => {
  test.setTimeout(240_000);
  await createStored(request, name, TALK);
  await page.goto(pathOf(name));
  await expect(chat.rows.last()).toBeInViewport();
  await expect(chat.rows.last()).toContainText(`message ${COUNT}`);
  const results = { messages: COUNT, open_ms: await sinceStart(page) };

  await chat.message.focus();
  results.typing_with_50 = await measureTyping(page, 'the quick brown fox jumps over the lazy dog');

  const started = await sinceStart(page);
  for (let loaded = 50; loaded < COUNT; loaded += 50) {
    const oldest = chat.rows.first();
    const label = await oldest.locator('.body').textContent();
    await chat.scrollToTop();
    await expect(chat.rows).not.toHaveCount(loaded);
    await expect(chat.rows.filter({ hasText: label.slice(0, 14) }).first()).toBeInViewport();
  }
  await expect(chat.rows).toHaveCount(COUNT);
  results.load_all_ms = (await sinceStart(page)) - started;

  await chat.message.focus();
  results.typing_with_1000 = await measureTyping(page, ' and writes a long and thoughtful message');
  await chat.say('message 1001');
  await expect(chat.rows.last()).toBeInViewport();
  results.rows = await chat.rows.count();

  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL('long.json', RESULTS), `${JSON.stringify(results, null, 2)}\n`);
});
