// The Sessions dialog: groups, search, rows and their menu.

import { readFile } from 'node:fs/promises';
import { createFilled, expect, pathOf, test } from '../support/fixture.js';
import { waitForStableLayout } from '../support/stable-layout.js';

test('the list is grouped by day and can be searched by name and persona', async ({ page, chat, name, request }) => {
  for (const [who, persona] of [
    ['Zoë', 'creative_writer'],
    ['Grace', 'default'],
    ['Alan', 'technical_support'],
    ['Edsger', 'default'],
    ['Barbara', 'default'],
  ]) {
    await createFilled(request, `${name} ${who}`, 0, { persona });
  }
  await page.goto('/');
  await chat.sessionsButton.click();
  await expect(chat.sessionsDialog.getByRole('list', { name: 'Today' })).toBeVisible();
  const search = chat.sessionsDialog.getByRole('searchbox', { name: 'Search sessions' });
  await search.fill(`${name} zoe`);
  await expect(chat.sessionsDialog.getByRole('listitem')).toHaveCount(1);
  await expect(chat.row(`${name} Zoë`)).toBeVisible();
  await expect(page.locator('#session-count')).toHaveText(/^1 of \d+ sessions$/);
  await search.fill(`${name} technical`);
  await expect(chat.sessionsDialog.getByRole('listitem')).toHaveText([/Alan/]);
  await search.fill('nobody at all');
  await expect(chat.sessionsDialog.getByText('No session matches “nobody at all”.')).toBeVisible();
  await search.press('Escape');
  await expect(search).toHaveValue('');
  await expect(chat.row(`${name} Zoë`)).toBeVisible();
  await search.press('Escape');
  await expect(chat.sessionsDialog).toBeHidden();
});

test('a list of several pages is refreshed without moving what is in sight', async ({ page, chat, name, request }) => {
  const names = Array.from({ length: 130 }, (_, index) => `${name} ${index}`);
  for (const who of names) await request.post('/api/session/create', { data: { user_id: who } });
  await page.goto(pathOf(names[0]));
  await chat.sessionsButton.click();
  await chat.sessionsDialog.getByRole('button', { name: 'Show more' }).click();
  const middle = chat.link(names[20]);
  await middle.scrollIntoViewIfNeeded();
  await waitForStableLayout(page);
  const { y } = await middle.boundingBox();
  await request.post(`/api/session/${encodeURIComponent(names[0])}/messages`, {
    data: { messages: [{ role: 'user', content: 'news from elsewhere' }] },
  });
  await expect(chat.row(names[0]).first().locator('.session-preview')).toHaveText('news from elsewhere');
  await waitForStableLayout(page);
  await expect.poll(() => middle.boundingBox().then((box) => Math.round(box.y - y))).toBe(0);
  await expect(middle).toBeInViewport({ ratio: 1 });
});

test('a session that was found by a search can be opened', async ({ page, chat, name, request }) => {
  for (const where of ['north', 'east', 'south', 'west', 'here']) await createFilled(request, `${name} ${where}`, 1);
  await page.goto('/');
  await chat.sessionsButton.click();
  await chat.sessionsDialog.getByRole('searchbox').fill(`${name} south`);
  await expect(chat.sessionsDialog.getByRole('listitem')).toHaveCount(1);
  await page.keyboard.press('Tab');
  await expect(chat.link(`${name} south`)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.user).toHaveText(`${name} south`);
  await chat.sessionsButton.click();
  await expect(chat.sessionsDialog.getByRole('searchbox')).toHaveValue('');
});

test('each group is labelled with its period', async ({ page, chat, name }) => {
  const sessions = [0, 1, 4, 400].map((days) => {
    const at = new Date(Date.now() - days * 86_400_000).toISOString();
    return {
      session_id: `session_${name}_${days}`,
      user_id: `${name} ${days}`,
      persona: 'default',
      created_at: at,
      last_activity: at,
      message_count: days,
    };
  });
  await page.route('**/sessions?*', (route) => route.fulfill({ json: { sessions, count: 4 } }));
  await page.goto('/');
  await chat.sessionsButton.click();
  await expect(chat.sessionsDialog.getByRole('heading', { level: 3 })).toHaveText([
    'Today',
    'Yesterday',
    'Last 7 days',
    /^\w+ \d{4}$/,
  ]);
});

test('a conversation can be exported as Markdown and as JSON', async ({ page, chat, name, request }) => {
  await createFilled(request, `${name} & Co/ü`, 3);
  await page.goto('/');
  await chat.sessionsButton.click();
  for (const [words, ending, start] of [
    ['Markdown', 'md', '#'],
    ['JSON', 'json', '{"session":'],
  ]) {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      chat.choose(`${name} & Co/ü`, `Export as ${words}`),
    ]);
    expect(download.suggestedFilename()).toMatch(new RegExp(`^session_Ada.*ü_\\d+\\.${ending}$`));
    const text = await readFile(await download.path(), 'utf8');
    expect(text.startsWith(start)).toBe(true);
    expect(text).toContain('message 3 of 3');
  }
  await expect(chat.sessionsDialog).toBeVisible();
});

/** Opens the Sessions dialog with one session. */
async function listOne({ page, chat, name }) {
  const minutes = (count) => new Date(Date.now() + count * 60_000 - 30_000).toISOString();
  const session = {
    session_id: `session_${name}_1`,
    user_id: name,
    persona: 'creative_writer',
    created_at: minutes(-125),
    last_activity: minutes(-18),
    expires_at: minutes(42),
    message_count: 7,
    preview: 'The rain fell softly on the roof',
  };
  await page.route('**/sessions?*', (route) => route.fulfill({ json: { sessions: [session], count: 1 } }));
  await page.goto('/');
  await chat.sessionsButton.click();
  return chat.row(name);
}

test('a row shows the preview, the persona, the messages, the end and the times of a session', async ({
  page,
  chat,
  name,
}) => {
  const row = await listOne({ page, chat, name: `${name} of Lovelace and Byron` });
  await expect(row.locator('.session-preview')).toHaveText('The rain fell softly on the roof');
  await expect(row.locator('.session-persona')).toHaveText('Creative Writer · 7 messages');
  const isCut = (node) => node.scrollWidth > node.clientWidth;
  expect(await row.locator('.session-persona').evaluate(isCut)).toBe(false);
  await expect(row.locator('.session-left')).toHaveText('ends in 42 min');
  await expect(row.locator('.session-times')).toHaveText('created 2 h ago · active 18 min ago');
  for (const time of ['.session-left', '.session-times time'])
    await expect(row.locator(time).first()).toHaveAttribute('title', /\d{4} at \d\d:\d\d:\d\d/);
  await chat.sessionsDialog.getByRole('searchbox').fill('softly');
  await expect(row).toBeVisible();
});

test('on a phone a row has two lines, and its menu has the persona, the messages and the times', async ({
  page,
  chat,
  name,
}) => {
  await page.setViewportSize({ width: 360, height: 640 });
  const row = await listOne({ page, chat, name });
  await expect(row.getByRole('link')).toHaveText(/ends in 42 min.*The rain fell softly on the roof/);
  const heightInLines = () =>
    row.getByRole('link').evaluate((link) => {
      const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(link);
      const [line, ...paddings] = [lineHeight, paddingTop, paddingBottom].map(Number.parseFloat);
      return Math.round((link.clientHeight - paddings[0] - paddings[1]) / line);
    });
  await expect.poll(heightInLines).toBe(2);
  const menu = await chat.openMenu(name);
  await expect(menu).toHaveAccessibleDescription('Creative Writer · 7 messages created 2 h ago · active 18 min ago');
  await expect(page.getByText('Creative Writer · 7 messages').last()).toBeVisible();
});

for (const [what, viewport, rows] of [
  ['at 1280 by 800 pixels at least nine', { width: 1280, height: 800 }, 9],
  ['on a phone at least five', { width: 360, height: 640 }, 5],
]) {
  test(`${what} rows are in sight`, async ({ page, chat, name, request }) => {
    for (let index = 0; index < 12; index += 1) await createFilled(request, `${name} ${index}`, 1);
    await page.setViewportSize(viewport);
    await page.goto('/');
    await chat.sessionsButton.click();
    await expect(chat.row(`${name} 0`)).toBeAttached();
    await expect
      .poll(() =>
        chat.sessionsDialog.locator('.session-scroll').evaluate((box) => {
          const { top, bottom } = box.getBoundingClientRect();
          return [...box.querySelectorAll('li')].filter((row) => {
            const rect = row.getBoundingClientRect();
            return rect.top >= top - 1 && rect.bottom <= bottom + 1;
          }).length;
        }),
      )
      .toBeGreaterThanOrEqual(rows);
  });
}

test('rows are links: the browser opens another tab, and a click switches without a reload', async ({
  page,
  context,
  chat,
  name,
  request,
}) => {
  await createFilled(request, name, 2);
  await page.goto('/');
  await chat.sessionsButton.click();
  await expect(chat.link(name)).toHaveAttribute('href', pathOf(name).slice(1));
  const [tab] = await Promise.all([context.waitForEvent('page'), chat.link(name).click({ modifiers: ['Control'] })]);
  await expect(tab.locator('#user-id')).toHaveText(name);
  await expect(chat.sessionsDialog).toBeVisible();
  await page.evaluate(() => (window.isSamePage = true));
  await chat.link(name).click();
  await expect(chat.rows).toHaveCount(2);
  await expect.poll(() => page.evaluate(() => window.isSamePage)).toBe(true);
});

test('the link of a session is copied, from its row and at the open conversation', async ({
  page,
  context,
  chat,
  name,
  baseURL,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/');
  await chat.create(name);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await page
    .getByRole('button', { name: `Actions for session ${name}` })
    .first()
    .click();
  await page.getByRole('menuitem', { name: 'Copy link' }).click();
  await expect(page.getByRole('menuitem', { name: 'Link copied' })).toBeVisible();
  await expect.poll(copied).toBe(new URL(pathOf(name), baseURL).href);
  await page.evaluate(() => navigator.clipboard.writeText(''));
  await chat.sessionsButton.click();
  await chat.choose(name, 'Copy link');
  await expect.poll(copied).toBe(new URL(pathOf(name), baseURL).href);
});

test('the open conversation can be exported and deleted in its header', async ({ page, chat, name, request }) => {
  await createFilled(request, name, 2);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(2);
  const button = page.getByRole('banner').getByRole('button', { name: `Actions for session ${name}` });
  await button.click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: 'Export as Markdown' }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.md$/);
  await expect(button).toBeFocused();
  await button.click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await expect(page.locator('.toast')).toContainText('was deleted');
  await expect(chat.message).toBeFocused();
});
