// A reply while it grows: its code can be copied and scrolled, a selection survives, and reasoning is folded.

import { expect, gate, scripted as test } from '../support/fixture.js';

const LONG_LINE = `const values = [${Array.from({ length: 60 }, (_, index) => index).join(', ')}];`;
const CODE = `Some words first.\n\n\`\`\`js\n${LONG_LINE}\nlet second = 2;\nlet third = 3;\n\`\`\`\n\nThe end of it.`;
/** Number of words up to the second line of code. */
const AFTER = `Some words first.\n\n\`\`\`js\n${LONG_LINE}\nlet second`.split(/\s+/).length;

/** Starts a reply that stops in the middle of its code. Returns a function that lets it go on. */
async function startCode({ page, chat, name, program }) {
  const { opened, open } = gate();
  program.plan(name, { text: CODE, wordMs: 1, after: AFTER, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Show me');
  await expect(page.locator('.code code')).toContainText('let second');
  return open;
}

/** Selects the first occurrence of `text` in the conversation. */
const select = (page, text) =>
  page.evaluate((wanted) => {
    const texts = document.createTreeWalker(document.getElementById('messages'), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const from = texts.currentNode.data.indexOf(wanted);
      if (from >= 0)
        return getSelection().setBaseAndExtent(texts.currentNode, from, texts.currentNode, from + wanted.length);
    }
    throw new Error(`no text has ${wanted}`);
  }, text);
const selected = (page) => page.evaluate(() => String(getSelection()));

test('code can be copied while it grows, and keeps its scroll position', async ({
  page,
  context,
  chat,
  name,
  program,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const open = await startCode({ page, chat, name, program });
  await page.getByRole('button', { name: 'Copy js code' }).click();
  await expect(page.locator('.copy')).toHaveText('Copied');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(/^const values.*\nlet second/);
  await page.locator('.code pre').evaluate((pre) => (pre.scrollLeft = 120));
  open();
  await chat.replied();
  await expect(page.locator('.code .hl-keyword').last()).toHaveText('let');
  await expect.poll(() => page.locator('.code pre').evaluate((pre) => pre.scrollLeft)).toBe(120);
  await expect(page.locator('.copy')).toHaveText('Copied');
});

for (const text of ['values', 'second', 'words']) {
  test(`a selection of "${text}" survives while the reply grows and when it is highlighted`, async ({
    page,
    chat,
    name,
    program,
  }) => {
    const open = await startCode({ page, chat, name, program });
    await select(page, text);
    open();
    await chat.replied();
    await expect(page.locator('.code .hl-keyword').last()).toHaveText('let');
    await expect.poll(() => selected(page)).toBe(text);
  });
}

test('a selection in a plain reply survives when it becomes Markdown', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'A plain beginning and then **bold** words.', wordMs: 1, after: 3, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Go');
  await expect(chat.reply('A plain beginning')).toBeVisible();
  await select(page, 'plain');
  open();
  await chat.replied();
  await expect(chat.rows.last().locator('strong')).toHaveText('bold');
  await expect.poll(() => selected(page)).toBe('plain');
});

test('reasoning is folded, can be opened while it grows, and stays open', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  const text = '<think>\nFirst I think about it.\n\nThen I think again.\n</think>\n\nThe **result** is 42.';
  program.plan(name, { text, wordMs: 1, after: 7, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Think');
  const reasoning = page.locator('.reasoning');
  await expect(reasoning.locator('summary')).toHaveText('Reasoning…');
  await expect(reasoning.getByText('First I think')).toBeHidden();
  await reasoning.locator('summary').click();
  await expect(reasoning.getByText('First I think about')).toBeVisible();
  open();
  await chat.replied();
  await expect(reasoning.locator('summary')).toHaveText('Reasoning');
  await expect(reasoning.getByText('Then I think again.')).toBeVisible();
  await expect(chat.rows.last().locator('.prose > p')).toHaveText('The result is 42.');
  await page.reload();
  await expect(chat.rows.last().locator('.prose > p')).toHaveText('The result is 42.');
  await expect(reasoning.getByText('Then I think again.')).toBeHidden();
});
