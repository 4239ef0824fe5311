// Screenshots of the main states in screenshots/, for review by people. They are not compared.

import { holdEvents, stopClock } from '../support/clock.js';
import { createFilled, createStored, expect, gate, isolated, pathOf, scripted } from '../support/fixture.js';
import { TALK, takeScreenshots } from '../support/screenshots.js';

const CODE =
  'Here is a small function that does it:\n\n```rust\n/// How often each word occurs.\nfn count(text: &str) -> HashMap<&str, usize> {\n    let mut words = HashMap::new();\n    for word in text.split_whitespace() {\n        *words.entry(word).or_insert(0) += 1;\n    }\n    words\n}\n```\n\n- It reads the text **once**.\n- It borrows the words, so nothing is copied.\n\n> Keep in mind that “Word” and “word” are two words here.\n\nShall I make it ignore the case';

for (const colorScheme of ['light', 'dark']) {
  isolated(
    `screenshots of the main states in ${colorScheme}`,
    async ({ page, context, chat, request, expectedErrors }) => {
      isolated.setTimeout(180_000);
      expectedErrors.push(/status of \d\d\d |ERR_INTERNET_DISCONNECTED/);
      await page.clock.install();
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });

      await page.goto('/');
      await expect(page.getByRole('radio', { name: 'Creative Writer' })).toBeVisible();
      await takeScreenshots(page, '01-welcome', colorScheme);

      await chat.newButton.click();
      await expect(chat.newDialog).toBeVisible();
      await takeScreenshots(page, '02-new', colorScheme);
      await page.keyboard.press('Escape');

      await chat.sessionsButton.click();
      await expect(chat.sessionsDialog.getByText('There are no sessions yet.')).toBeVisible();
      await takeScreenshots(page, '03-no-sessions', colorScheme);
      await page.keyboard.press('Escape');

      await createFilled(request, 'Grace', 2, { persona: 'creative_writer' });
      await chat.create('John Doe', 'Technical Support');
      await takeScreenshots(page, '04-empty', colorScheme);

      const messages = TALK.map(([role, content]) => ({ role, content }));
      await request.post('/api/session/John%20Doe/messages', { data: { messages } });
      await page.reload();
      await expect(page.locator('.hl-comment')).toBeVisible();
      await takeScreenshots(page, '05-conversation', colorScheme);

      await chat.sessionsButton.click();
      await expect(chat.row('Grace')).toBeVisible();
      await takeScreenshots(page, '06-sessions', colorScheme);
      await chat.openMenu('John Doe');
      await takeScreenshots(page, '28-session-menu', colorScheme, [1280]);
      await page.keyboard.press('Escape');
      // Six screenshots may take longer than the ten seconds in which a deletion can be undone.
      await stopClock(page);
      await chat.choose('Grace', 'Delete');
      await expect(chat.row('Grace')).toContainText('was deleted');
      await takeScreenshots(page, '07-undo', colorScheme);
      await page.keyboard.press('Escape');
      await expect(page.locator('.toast')).toBeVisible();
      await takeScreenshots(page, '08-toast', colorScheme);
      await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
      await page.clock.resume();

      for (const [who, persona] of [
        ['Alan', 'default'],
        ['Barbara', 'mental_health_nurse'],
        ['Zoë with a name that is rather long', 'creative_writer'],
      ])
        await createFilled(request, who, 0, { persona });
      await chat.sessionsButton.click();
      await chat.sessionsDialog.getByRole('searchbox').fill('writer');
      await expect(chat.sessionsDialog.getByRole('listitem')).toHaveCount(2);
      await takeScreenshots(page, '09-search', colorScheme);
      await chat.sessionsDialog.getByRole('searchbox').fill('nobody');
      await expect(chat.sessionsDialog.getByText('No session matches “nobody”.')).toBeVisible();
      await takeScreenshots(page, '10-no-match', colorScheme);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await chat.failCalls('**/sessions?*', {
        status: 503,
        reason: 'STORE_UNAVAILABLE',
        headers: { 'retry-after': '60' },
      });
      await chat.sessionsButton.click();
      await expect(chat.sessionsDialog.getByRole('button', { name: 'Try now' })).toBeVisible();
      await takeScreenshots(page, '11-list-waiting', colorScheme);
      // The list next to the conversation is loaded as well, so the number of calls is not known.
      await page.unroute('**/sessions?*');
      await page.keyboard.press('Escape');

      await chat.newButton.click();
      await chat.newDialog.getByLabel('Display Name').fill('Grace');
      await page.keyboard.press('Enter');
      await expect(chat.newDialog.getByText('is in use')).toBeVisible();
      await takeScreenshots(page, '12-name-in-use', colorScheme);
      await page.keyboard.press('Escape');

      await chat.failCalls('**/chat', { status: 500, reason: 'INTERNAL', times: 1, request_id: '7f3a' });
      await chat.send('One more question: how do I stop it?');
      await expect(chat.userMessage('One more question')).toContainText('Not sent');
      await takeScreenshots(page, '13-failed', colorScheme);

      await chat.failCalls('**/chat', {
        status: 503,
        reason: 'STORE_UNAVAILABLE',
        times: 1,
        headers: { 'retry-after': '60' },
      });
      await chat.userMessage('One more question').getByRole('button', { name: 'Try again' }).click();
      await expect(chat.banner('waiting')).toBeVisible();
      await takeScreenshots(page, '14-waiting', colorScheme);
      await chat.banner('waiting').getByRole('button').click();
      await expect(chat.banner('waiting')).toHaveCount(0);
      await chat.replied();

      await context.setOffline(true);
      await expect(chat.banner('offline')).toBeVisible();
      await takeScreenshots(page, '15-offline', colorScheme);
      await context.setOffline(false);

      await chat.failCalls('**/chat', {
        status: 503,
        reason: 'STORE_UNAVAILABLE',
        times: 1,
        headers: { 'retry-after': '60' },
      });
      await chat.send('Are you still there?');
      await expect(chat.banner('waiting')).toBeVisible();
      await request.delete('/api/session/John%20Doe');
      await expect(chat.banner('gone')).toBeVisible();
      await chat.message.fill('This text stays where it is.');
      await takeScreenshots(page, '16-gone', colorScheme);

      await chat.create('Rosa', 'Mental Health Nurse');
      await chat.say('I have not slept well this week.');
      await takeScreenshots(page, '17-disclaimer', colorScheme);
    },
  );
}

/** Replies that must not change during a screenshot come from the scripted server. */
for (const colorScheme of ['light', 'dark']) {
  scripted(`screenshots of replies in ${colorScheme}`, async ({ page, chat, program }) => {
    scripted.setTimeout(120_000);
    await page.clock.install();
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const name = `John Doe (${colorScheme})`;
    const endless = gate().opened;
    program.plan(
      name,
      { text: CODE, wordMs: 1, after: 60, gate: endless },
      { text: CODE, after: 0, gate: endless },
      { fails: true },
    );
    await page.goto('/');
    await chat.create(name, 'Technical Support');
    await chat.send('How do I count the words of a text in Rust?');
    await expect(chat.reply('reads the text')).toBeVisible();
    await expect(page.locator('.hl-keyword').first()).toBeVisible();
    await chat.message.fill('And how would that look\nwith Unicode?');
    await takeScreenshots(page, '18-streaming', colorScheme);
    await chat.message.press('Enter');
    await expect(chat.userMessage('Unicode')).toHaveAttribute('data-state', 'queued');
    await takeScreenshots(page, '25-queued', colorScheme);
    await chat.userMessage('Unicode').getByRole('button', { name: 'Remove' }).click();
    await page.reload();
    await expect(chat.reply('reads the text')).toHaveAttribute('data-state', 'streaming');
    await expect(page.locator('.hl-keyword').first()).toBeVisible();
    await takeScreenshots(page, '26-after-reload', colorScheme);
    await chat.stopButton.click();
    await expect(chat.reply('reads the text')).toHaveAttribute('data-state', 'stopped');
    await takeScreenshots(page, '19-stopped', colorScheme);
    await chat.send('Thank you. And now?');
    await expect(chat.stopButton).toBeVisible();
    await chat.stopButton.click();
    await expect(chat.userMessage('And now?')).toHaveAttribute('data-state', 'cancelled');
    await takeScreenshots(page, '27-stopped-early', colorScheme);
    await chat.send(TALK[2][1]);
    await expect(chat.userMessage('indexer')).toHaveAttribute('data-state', 'unanswered');
    await takeScreenshots(page, '20-unanswered', colorScheme);
    await holdEvents(page);
    await page.clock.fastForward('58:40');
    await expect(chat.banner('ending')).toBeVisible();
    await takeScreenshots(page, '21-ending', colorScheme);
  });
}

scripted('screenshots of a conversation from right to left', async ({ page, chat, request }) => {
  await page.addInitScript(() =>
    document.addEventListener('DOMContentLoaded', () => (document.documentElement.dir = 'rtl')),
  );
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const talk = [
    ['user', 'مرحبا، كيف أعرض قائمة الملفات؟'],
    [
      'assistant',
      'يمكنك استخدام الأمر `ls` بهذا الشكل:\n\n```bash\nls -l ~/Documents\n```\n\n1. افتح الطرفية\n2. اكتب الأمر\n\n> ملاحظة: يعمل هذا على Linux و macOS.',
    ],
    ['user', 'Thank you! And in English?'],
    ['assistant', 'The same command works everywhere. **Left to right** text stays left to right.'],
  ];
  await createStored(request, 'ليلى', talk, { persona: 'technical_support' });
  await createStored(request, 'John Doe', talk.slice(2));
  await page.goto(pathOf('ليلى'));
  await expect(page.locator('.code')).toBeVisible();
  await takeScreenshots(page, '22-rtl', 'light');
  await chat.sessionsButton.click();
  await expect(chat.row('ليلى')).toBeVisible();
  await takeScreenshots(page, '23-rtl-sessions', 'light');
  await page.keyboard.press('Escape');
  await chat.newButton.click();
  await expect(chat.newDialog).toBeVisible();
  await takeScreenshots(page, '24-rtl-new', 'light');
});
