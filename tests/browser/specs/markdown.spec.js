// Replies in Markdown: rendering, highlighted code, the Copy button, and libraries that are loaded when they are first needed.

import { stopClock } from '../support/clock.js';
import { createStored, expect, gate, pathOf, scripted as test } from '../support/fixture.js';
import { expectMeasured, waitForStableLayout } from '../support/stable-layout.js';

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

/** Collects the vendored files that the page requests. */
const collectLibraries = (page) => {
  const loaded = [];
  page.on(
    'request',
    (request) => /\/vendor\//.test(request.url()) && loaded.push(request.url().replace(/.*\/vendor\//, '')),
  );
  return loaded;
};

test('a reply is rendered as headings, lists, links, code and tables', async ({ page, chat, name, program }) => {
  program.plan(name, { text: REPLY, wordMs: 1 });
  await page.goto('/');
  await chat.create(name);
  await chat.say('How?');
  const reply = chat.reply('Three steps');
  await expect(reply.getByRole('heading', { level: 4 })).toHaveText('Three steps');
  await expect(reply.locator('strong')).toHaveText('this');
  await expect(reply.getByRole('link')).toHaveAttribute('href', 'https://example.org/guide');
  await expect(reply.getByRole('listitem')).toHaveText(['First', 'Second']);
  await expect(reply.getByRole('cell')).toHaveText(['a', '1']);
  await expect(reply.locator('.code code')).toHaveText('const answer = 42; // <b>');
  await expect(reply.locator('.hl-keyword')).toHaveText('const');
});

test('a message of the user is shown as it was written', async ({ page, chat, name, program }) => {
  program.plan(name, { text: 'Yes.' });
  await page.goto('/');
  await chat.create(name);
  await chat.say('**not bold**\n  # and   spaces');
  await expect
    .poll(() => chat.userMessage('not bold').locator('.body').textContent())
    .toBe('**not bold**\n  # and   spaces');
});

test('the libraries are loaded when they are first needed, and each language separately', async ({
  page,
  chat,
  name,
  program,
}) => {
  program.plan(name, { text: 'A plain sentence.' }, { text: '**Bold** now.' }, { text: '```python\nx = 1\n```' });
  const loaded = collectLibraries(page);
  await page.goto('/');
  await chat.create(name);
  await chat.say('one');
  await waitForStableLayout(page);
  expect(loaded).toEqual([]);
  await chat.say('two');
  await expect(chat.rows.last().locator('strong')).toHaveText('Bold');
  await waitForStableLayout(page);
  expect(loaded).toEqual(['marked/marked.js']);
  await chat.say('three');
  await expect(chat.rows.last().locator('.hl-number')).toHaveText('1');
  await waitForStableLayout(page);
  expect(loaded.toSorted()).toEqual(['highlight/core.js', 'highlight/languages/python.js', 'marked/marked.js']);
});

test('a reply is shown as plain text if the libraries cannot be loaded', async ({
  page,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  expectedErrors.push(/ERR_FAILED/);
  await page.route('**/vendor/**', (route) => route.abort());
  program.plan(name, { text: '**Bold** and `code`', wordMs: 1 });
  await page.goto('/');
  await chat.create(name);
  await chat.say('Hello');
  await expect(chat.rows.last().locator('.body')).toHaveText('**Bold** and `code`');
});

test('Copy writes the code to the clipboard and announces it', async ({ page, context, chat, name, program }) => {
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

test('without the clipboard API, Copy uses execCommand', async ({ page, chat, name, program }) => {
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

test('a growing reply keeps the elements that it has', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  const text = '# Title\n\n```js\nlet one;\n```\n\nMiddle paragraph.\n\nNearly the end, and some more to come.';
  program.plan(name, { text, wordMs: 1, after: 14, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Go');
  await expect(chat.reply('Nearly the end')).toBeVisible();
  await expect(chat.rows.last().locator('.hl-keyword')).toHaveText('let');
  await page.evaluate(() => {
    for (const [index, node] of document.querySelectorAll('.prose > *').entries()) node.mark = index;
  });
  open();
  await chat.replied();
  await expectMeasured(
    page,
    () => [...document.querySelectorAll('.prose > *')].map((node) => node.mark ?? 'new'),
    [0, 1, 2, 3],
  );
});

test('wide code and tables scroll separately at 320 pixels', async ({ page, name, request }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  const wide = `\`\`\`js\n${'x = 1; '.repeat(60)}\n\`\`\`\n\n|${'column|'.repeat(9)}\n|${'-|'.repeat(9)}\n|${'value|'.repeat(9)}\n\n${'https://example.org/'}${'a'.repeat(200)}`;
  await createStored(request, name, [
    ['user', 'wide?'],
    ['assistant', wide],
  ]);
  await page.goto(pathOf(name));
  await expect(page.locator('.prose table')).toBeVisible();
  const overflowing = () =>
    ['html', '.log', '.code pre', '.table'].filter((selector) => {
      const { scrollWidth, clientWidth } = document.querySelector(selector);
      return scrollWidth !== clientWidth;
    });
  await expectMeasured(page, overflowing, ['.code pre', '.table']);
});
