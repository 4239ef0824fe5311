// Pictures of the main states for people to look at, in screenshots/. Nothing is compared.

import { expect, fill, scripted, test } from '../support/fixture.js';
import { startProgram } from '../support/program.js';

const FOLDER = new URL('../screenshots/', import.meta.url).pathname;
const WIDTHS = [1280, 768, 360];
const HEIGHT = 760;

const TALK = [
  ['user', 'My laptop has been slow since yesterday. It takes minutes to open a browser tab.'],
  [
    'assistant',
    'That sounds frustrating. Two things to look at first:\n\n1. Is a program busy in the background? Open the task manager and sort by CPU.\n2. Is the disk nearly full? Anything under 10 % free slows everything down.\n\nWhat do you see?',
  ],
  ['user', 'Disk is fine. Something called “indexer” uses 90 %.'],
  [
    'assistant',
    'Good find. The indexer builds a catalogue of your files after a large change, for example an update or a big copy. It usually ends by itself within an hour or two. If it is still busy tomorrow, we can rebuild the index from scratch.',
  ],
  ['user', 'There was an update yesterday! Thank you.'],
];

async function picture(page, state, colorScheme) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: HEIGHT });
    await page.screenshot({ path: `${FOLDER}${state}-${colorScheme}-${width}.png` });
  }
  await page.setViewportSize({ width: WIDTHS[0], height: HEIGHT });
}

/** Each with a program of its own, so that the list shows these sessions only. */
const own = test.extend({
  baseURL: async ({}, use) => {
    const program = await startProgram();
    await use(program.url);
    await program.stop();
  },
});

for (const colorScheme of ['light', 'dark']) {
  own(`the main states are pictured in ${colorScheme}`, async ({ page, context, chat, request, expected }) => {
    own.setTimeout(60_000);
    expected.push(/status of \d\d\d |ERR_INTERNET_DISCONNECTED/);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });

    await page.goto('/');
    await expect(page.getByRole('button', { name: 'Creative Writer' })).toBeVisible();
    await picture(page, '1-welcome', colorScheme);

    await chat.newButton.click();
    await picture(page, '2-new', colorScheme);
    await page.keyboard.press('Escape');

    await fill(request, 'Grace', 2, { persona: 'creative_writer' });
    await chat.create('John Doe', 'Technical Support');
    await picture(page, '3-empty', colorScheme);

    const messages = TALK.map(([role, content]) => ({ role, content }));
    await request.post('/api/session/John%20Doe/messages', { data: { messages } });
    await page.reload();
    await expect(chat.rows).toHaveCount(TALK.length);
    await picture(page, '4-conversation', colorScheme);

    await chat.sessionsButton.click();
    await expect(chat.row('Grace')).toBeVisible();
    await picture(page, '5-sessions', colorScheme);
    await chat.row('Grace').getByRole('button', { name: 'Delete session' }).click();
    await picture(page, '6-undo', colorScheme);
    await page.keyboard.press('Escape');
    await expect(page.locator('.toast')).toBeVisible();
    await picture(page, '7-toast', colorScheme);
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();

    await chat.newButton.click();
    await chat.newDialog.getByLabel('Display Name').fill('Grace');
    await page.keyboard.press('Enter');
    await expect(chat.newDialog.getByText('is in use')).toBeVisible();
    await picture(page, '8-name-in-use', colorScheme);
    await page.keyboard.press('Escape');

    await chat.refuse('**/chat', { status: 500, reason: 'INTERNAL', times: 1, request_id: '7f3a' });
    await chat.send('One more question: how do I stop it?');
    await expect(chat.mine('One more question')).toContainText('Not sent');
    await picture(page, '9-failed', colorScheme);

    await chat.refuse('**/chat', { status: 503, reason: 'STORE_UNAVAILABLE', times: 1, headers: { 'retry-after': '60' } });
    await chat.mine('One more question').getByRole('button', { name: 'Retry' }).click();
    await expect(chat.banner('waiting')).toBeVisible();
    await picture(page, '10-waiting', colorScheme);
    await chat.banner('waiting').getByRole('button').click();
    await expect(chat.banner('waiting')).toHaveCount(0);
    await chat.replied();

    await context.setOffline(true);
    await expect(chat.banner('offline')).toBeVisible();
    await picture(page, '11-offline', colorScheme);
    await context.setOffline(false);

    await request.delete('/api/session/John%20Doe');
    await chat.send('Are you still there?');
    await expect(chat.banner('gone')).toBeVisible();
    await picture(page, '12-gone', colorScheme);

    await chat.create('Rosa', 'Mental Health Nurse');
    await chat.say('I have not slept well this week.');
    await picture(page, '13-caution', colorScheme);
  });
}

/** Replies that must stand still for the picture come from the scripted server. */
for (const colorScheme of ['light', 'dark']) {
  scripted(`replies are pictured in ${colorScheme}`, async ({ page, chat, program }) => {
    scripted.setTimeout(60_000);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    let open;
    const gate = new Promise((resolve) => (open = resolve));
    const name = `John Doe (${colorScheme})`;
    program.plan(name, { text: TALK[1][1], wordMs: 2, after: 30, gate }, { fails: true });
    await page.goto('/');
    await chat.create(name, 'Technical Support');
    await chat.send(TALK[0][1]);
    await expect(chat.theirs('sort by CPU')).toBeVisible();
    await picture(page, '14-streaming', colorScheme);
    await chat.stopButton.click();
    await picture(page, '15-stopped', colorScheme);
    open();
    await chat.replied();
    await chat.send(TALK[2][1]);
    await expect(chat.mine('indexer')).toHaveAttribute('data-state', 'unanswered');
    await picture(page, '16-unanswered', colorScheme);
  });
}
