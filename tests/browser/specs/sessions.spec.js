// The Sessions dialog: groups, search and export.

import { readFile } from 'node:fs/promises';
import { createFilled, expect, test } from '../support/fixture.js';

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

test('a session that was found by a search can be opened', async ({ page, chat, name, request }) => {
  for (const where of ['north', 'east', 'south', 'west', 'here']) await createFilled(request, `${name} ${where}`, 1);
  await page.goto('/');
  await chat.sessionsButton.click();
  await chat.sessionsDialog.getByRole('searchbox').fill(`${name} south`);
  await expect(chat.sessionsDialog.getByRole('listitem')).toHaveCount(1);
  await page.keyboard.press('Tab');
  await expect(chat.row(`${name} south`).getByRole('button').first()).toBeFocused();
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
  const row = chat.row(`${name} & Co/ü`);
  const button = row.getByRole('button', { name: 'Export session' });
  await expect(row.getByRole('link')).toHaveCount(0);
  await button.click();
  await expect(button).toHaveAttribute('aria-expanded', 'true');
  for (const [words, ending, start] of [
    ['Markdown', 'md', '#'],
    ['JSON', 'json', '{"session":'],
  ]) {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      row.getByRole('link', { name: `as ${words}` }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(new RegExp(`^session_Ada.*ü_\\d+\\.${ending}$`));
    const text = await readFile(await download.path(), 'utf8');
    expect(text.startsWith(start)).toBe(true);
    expect(text).toContain('message 3 of 3');
  }
  await expect(chat.sessionsDialog).toBeVisible();
  await button.click();
  await expect(row.getByRole('link')).toHaveCount(0);
});
