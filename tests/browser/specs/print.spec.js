// Printing: the whole conversation, with its authors and without controls.

import { createFilled, createStored, expect, pathOf, test } from '../support/fixture.js';

const WIDE = `const values = [${Array.from({ length: 80 }, (_, index) => index).join(', ')}];`;
const LONG = Array.from({ length: 30 }, (_, index) => `point ${index + 1}`).join('\n');

test('a printed conversation has its authors, all of its text, and no controls', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createStored(request, name, [
    ['user', LONG],
    ['assistant', `<think>\nMy reasons.\n</think>\n\nSome code:\n\n\`\`\`js\n${WIDE}\n\`\`\``],
    ...Array.from({ length: 20 }, (_, index) => [index % 2 ? 'assistant' : 'user', `message ${index}`]),
  ]);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(pathOf(name));
  await expect(page.locator('.code code:has(span)')).toHaveCount(1);
  await expect(chat.rows.first().locator('.body')).toHaveClass(/folded/);
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  await expect(page.getByRole('button')).toHaveCount(0);
  await expect(chat.message).toBeHidden();
  await expect(chat.rows.first().locator('.author')).toBeVisible();
  await expect(chat.rows.first().locator('.author')).toHaveText('You');
  await expect(page.getByText('My reasons.')).toBeVisible();
  const clipped = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('html, body, .log, .body, .code, .code pre')]
        .filter(
          (node) =>
            node.scrollWidth > node.clientWidth + 1 ||
            (node.localName !== 'html' && node.scrollHeight > node.clientHeight + 1),
        )
        .map(({ className, localName }) => className || localName),
    );
  await expect.poll(clipped).toEqual([]);
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).color);
  await expect.poll(paper).toBe('rgb(31, 32, 34)');
});

test('the keys for printing load the whole conversation first', async ({ page, chat, name, request }) => {
  await page.addInitScript(() => (window.print = () => (window.printed = document.querySelectorAll('article').length)));
  await createFilled(request, name, 120);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(50);
  await page.keyboard.press('Control+p');
  await expect.poll(() => page.evaluate(() => window.printed)).toBe(120);
});

test('a print from the menu says that earlier messages are missing', async ({ page, chat, name, request }) => {
  await createFilled(request, name, 60);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(50);
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await expect(page.locator('#older')).toHaveText('Earlier messages are not loaded, and not printed.');
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  await expect(page.locator('#older')).toHaveText('Load earlier messages');
});
