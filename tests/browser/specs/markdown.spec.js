// Replies in Markdown: drawn as nodes, code with colours and a Copy button, the libraries loaded when they are first needed.

import { stopClock } from '../support/clock.js';
import { address, expect, gate, scripted as test, store } from '../support/fixture.js';
import { expectMeasured, settled } from '../support/stable-layout.js';

const REPLY = `## Three steps

Do **this** with \`npm\`, then read [the guide](https://example.org/guide).

1. First
2. Second

\`\`\`js
const answer = 42; // <b>
\`\`\`

| name | value |
|---|---:|
| a | 1 |
`;

const libraries = (page) => {
  const loaded = [];
  page.on('request', (request) => /\/vendor\//.test(request.url()) && loaded.push(request.url().replace(/.*\/vendor\//, '')));
  return loaded;
};

test('a reply is drawn as headings, lists, links, code and tables', async ({ page, chat, name, program }) => {
  program.plan(name, { text: REPLY, wordMs: 1 });
  await page.goto('/');
  await chat.create(name);
  await chat.say('How?');
  const reply = chat.theirs('Three steps');
  await expect(reply.getByRole('heading', { level: 4 })).toHaveText('Three steps');
  await expect(reply.locator('strong')).toHaveText('this');
  await expect(reply.getByRole('link')).toHaveAttribute('href', 'https://example.org/guide');
  await expect(reply.getByRole('listitem')).toHaveText(['First', 'Second']);
  await expect(reply.getByRole('cell')).toHaveText(['a', '1']);
  await expect(reply.locator('.code code')).toHaveText('const answer = 42; // <b>');
  await expect(reply.locator('.hl-keyword')).toHaveText('const');
});

test('what a person writes is shown as it was written', async ({ page, chat, name, program }) => {
  program.plan(name, { text: 'Yes.' });
  await page.goto('/');
  await chat.create(name);
  await chat.say('**not bold**\n  # and   spaces');
  await expect.poll(() => chat.mine('not bold').locator('.body').textContent()).toBe('**not bold**\n  # and   spaces');
});

test('the libraries come when they are first needed, and each language by itself', async ({ page, chat, name, program }) => {
  program.plan(name, { text: 'A plain sentence.' }, { text: '**Bold** now.' }, { text: '```python\nx = 1\n```' });
  const loaded = libraries(page);
  await page.goto('/');
  await chat.create(name);
  await chat.say('one');
  await settled(page);
  expect(loaded).toEqual([]);
  await chat.say('two');
  await expect(chat.rows.last().locator('strong')).toHaveText('Bold');
  await settled(page);
  expect(loaded).toEqual(['marked/marked.js']);
  await chat.say('three');
  await expect(chat.rows.last().locator('.hl-number')).toHaveText('1');
  await settled(page);
  expect(loaded.toSorted()).toEqual(['highlight/core.js', 'highlight/languages/python.js', 'marked/marked.js']);
});

test('a reply can be read where the libraries cannot be loaded', async ({ page, chat, name, program, expected }) => {
  expected.push(/ERR_FAILED/);
  await page.route('**/vendor/**', (route) => route.abort());
  program.plan(name, { text: '**Bold** and `code`', wordMs: 1 });
  await page.goto('/');
  await chat.create(name);
  await chat.say('Hello');
  await expect(chat.rows.last().locator('.body')).toHaveText('**Bold** and `code`');
});

test('Copy puts the code on the clipboard and says so', async ({ page, context, chat, name, program }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  program.plan(name, { text: '```sh\nls -l | wc\n\techo "<done>"\n```', wordMs: 1 });
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await chat.say('How many?');
  await expect(page.locator('.copy')).toBeVisible();
  // The button says "Copied" for two seconds of the page's time.
  await stopClock(page);
  await page.getByRole('button', { name: 'Copy sh code' }).click();
  await expect(page.locator('.copy')).toHaveText('Copied');
  await expect(page.locator('#announcer')).toHaveText('Code copied.');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('ls -l | wc\n\techo "<done>"');
  await page.clock.runFor(2_000);
  await expect(page.locator('.copy')).toHaveText('Copy');
});

test('where the page may not write to the clipboard, the code is copied the old way', async ({ page, chat, name, program }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  program.plan(name, { text: '```\nplain text\n```', wordMs: 1 });
  await page.goto('/');
  await chat.create(name);
  await chat.say('What?');
  await page.evaluate(() => document.addEventListener('copy', () => (window.copied = String(getSelection())), true));
  await page.getByRole('button', { name: 'Copy text code' }).click();
  await expect(page.locator('#announcer')).toHaveText('Code copied.');
  await expect.poll(() => page.evaluate(() => window.copied)).toBe('plain text');
});

test('a growing reply redraws its end only', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  const text = '# Title\n\n```js\nlet one;\n```\n\nMiddle paragraph.\n\nNearly the end, and some more to come.';
  program.plan(name, { text, wordMs: 1, after: 14, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Go');
  await expect(chat.theirs('Nearly the end')).toBeVisible();
  await expect(chat.rows.last().locator('.hl-keyword')).toHaveText('let');
  await page.evaluate(() => document.querySelectorAll('.prose > *').forEach((node, index) => (node.mark = index)));
  open();
  await chat.replied();
  await expectMeasured(page, () => [...document.querySelectorAll('.prose > *')].map((node) => node.mark ?? 'new'), [0, 1, 2, 'new']);
});

test('code and tables that are too wide scroll by themselves at 320 pixels', async ({ page, chat, name, request }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  const wide = `\`\`\`js\n${'x = 1; '.repeat(60)}\n\`\`\`\n\n|${'column|'.repeat(9)}\n|${'-|'.repeat(9)}\n|${'value|'.repeat(9)}\n\n${'https://example.org/'}${'a'.repeat(200)}`;
  await store(request, name, [['user', 'wide?'], ['assistant', wide]]);
  await page.goto(address(name));
  await expect(page.locator('.prose table')).toBeVisible();
  const overflowing = () => ['html', '.log', '.code pre', '.table'].filter((selector) => {
    const { scrollWidth, clientWidth } = document.querySelector(selector);
    return scrollWidth !== clientWidth;
  });
  await expectMeasured(page, overflowing, ['.code pre', '.table']);
});
