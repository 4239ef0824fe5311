// Conversations: creating sessions, sending, switching and reloading.

import { createFilled, expect, pathOf, test } from '../support/fixture.js';

test('a new session opens empty with the message box focused', async ({ page, chat, name }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Who would you like to talk to?' })).toBeVisible();
  await chat.create(name, 'Technical Support');
  await expect(page.getByText('You are talking to Technical Support')).toBeVisible();
  await expect(chat.message).toBeFocused();
  await expect(chat.rows).toHaveCount(0);
  await expect(page).toHaveURL(pathOf(name));
  await expect(page).toHaveTitle(`${name} · Nono Chat Bot`);
});

test('the header shows the title, the model, the user and the buttons', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  const header = page.getByRole('banner');
  await expect(header.getByRole('heading', { level: 1 })).toHaveText('🤖 Nono Chat Bot');
  await expect(header).toContainText(/Powered by \S/);
  await expect(header).toContainText(`User: ${name}`);
  await expect(chat.newButton).toHaveText('➕ New');
  await expect(chat.sessionsButton).toHaveText('📋 Sessions');
});

test('a session without a display name is named after the unix time', async ({ page, chat }) => {
  await page.goto('/');
  await chat.newButton.click();
  await chat.newDialog.getByRole('button', { name: 'Create Session' }).click();
  await expect(chat.user).toHaveText(/^user_\d{10}$/);
});

test('a message is shown immediately and marked as sent when it is stored', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/chat', async (route) => {
    await held;
    await route.fallback();
  });
  await chat.send('Hello there');
  await expect(chat.userMessage('Hello there')).toContainText('Sending…');
  await expect(chat.message).toHaveValue('');
  release();
  await expect(chat.userMessage('Hello there')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.userMessage('Hello there')).toHaveCount(1);
});

test('pressing Enter twice sends one message', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.message.fill('once only');
  await chat.message.press('Enter');
  await chat.message.press('Enter');
  await expect(chat.userMessage('once only')).toHaveAttribute('data-state', /sent|stored/);
  await page.reload();
  await expect(chat.userMessage('once only')).toHaveCount(1);
});

test('Shift+Enter starts a new line', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.message.pressSequentially('one');
  await chat.message.press('Shift+Enter');
  await chat.message.pressSequentially('two');
  await expect(chat.message).toHaveValue('one\ntwo');
  await expect(chat.rows).toHaveCount(0);
});

test('the Enter that ends a composition does not send', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.message.fill('にほん');
  for (const how of [{ isComposing: true }, { keyCode: 229 }]) {
    await chat.message.evaluate((field, init) => {
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init }));
    }, how);
  }
  await expect(chat.message).toHaveValue('にほん');
  await expect(chat.rows).toHaveCount(0);
});

test('a real composition is ended by its Enter and sent by the next one', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  const input = await page.context().newCDPSession(page);
  await input.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
  await expect(chat.message).toHaveValue('にほん');
  await input.send('Input.dispatchKeyEvent', {
    type: 'rawKeyDown',
    key: 'Enter',
    code: 'Enter',
    windowsVirtualKeyCode: 229,
  });
  await input.send('Input.insertText', { text: '日本' });
  await expect(chat.message).toHaveValue('日本');
  await expect(chat.rows).toHaveCount(0);
  await page.keyboard.press('Enter');
  await expect(chat.userMessage('日本')).toHaveAttribute('data-state', /sent|stored/);
});

test('a reload shows the same session with its history', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name, 'Mental Health Nurse');
  await chat.say('still here?');
  await page.reload();
  await expect(chat.user).toHaveText(name);
  await expect(chat.userMessage('still here?')).toBeVisible();
  await expect(page.locator('#disclaimer')).toBeVisible();
  await expect(page.locator('#disclaimer')).toContainText('call your local emergency number');
});

test('a visit without a session in the address opens the last one', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.say('remember me');
  await page.goto('/');
  await expect(chat.userMessage('remember me')).toBeVisible();
  await expect(page).toHaveURL(/session=/);
});

test('a switch loads the other history, and Back returns', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(`${name} first`);
  await chat.say('said in the first');
  await chat.create(`${name} second`);
  await chat.say('said in the second');
  await chat.sessionsButton.click();
  await expect(chat.row(`${name} second`)).toContainText('Current');
  await expect(chat.link(`${name} second`)).toHaveAttribute('aria-current', 'true');
  await expect(chat.row(`${name} first`)).toContainText(
    /Default Assistant.*2 messages.*ends in \d+ min.*created just now.*active just now/,
  );
  await chat.link(`${name} first`).click();
  await expect(chat.sessionsDialog).toBeHidden();
  await expect(chat.userMessage('said in the first')).toBeVisible();
  await expect(chat.userMessage('said in the second')).toHaveCount(0);
  await page.goBack();
  await expect(chat.userMessage('said in the second')).toBeVisible();
});

test('a long list of sessions scrolls inside the dialog, and its buttons remain visible', async ({
  page,
  chat,
  name,
  request,
}) => {
  for (let index = 0; index < 12; index += 1) await createFilled(request, `${name} ${index}`, 0);
  await page.setViewportSize({ width: 360, height: 600 });
  await page.goto('/');
  await chat.sessionsButton.click();
  await expect(chat.row(`${name} 0`)).toBeAttached();
  await expect(chat.sessionsDialog.getByRole('button', { name: 'Close' })).toBeInViewport({ ratio: 1 });
  await chat.link(`${name} 0`).scrollIntoViewIfNeeded();
  await expect(chat.row(`${name} 0`)).toBeInViewport();
});

test('the list of sessions is loaded page by page', async ({ page, chat, name, request }) => {
  await createFilled(request, `${name} a`, 0);
  await createFilled(request, `${name} b`, 0);
  await page.route('**/sessions?*', (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set('page_size', '1');
    return route.fallback({ url: url.href });
  });
  await page.goto('/');
  await chat.sessionsButton.click();
  await expect(chat.row(`${name} b`)).toBeVisible();
  await expect(chat.row(`${name} a`)).toHaveCount(0);
  await chat.sessionsDialog.getByRole('button', { name: 'Show more' }).click();
  await expect(chat.row(`${name} a`)).toBeVisible();
  await expect(chat.row(`${name} b`)).toBeVisible();
});

test('older messages are loaded in pages and the scroll position is preserved', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, name, 120);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(50);
  await expect(chat.rows.last()).toBeInViewport();
  const first = chat.rows.filter({ hasText: 'message 71 of 120' });
  await chat.scrollToTop();
  await expect(chat.rows).not.toHaveCount(50);
  await expect(first).toBeInViewport();
  await chat.scrollToTop();
  await expect(chat.rows).toHaveCount(120);
  await expect(page.getByRole('button', { name: 'Load earlier messages' })).toBeHidden();
});

test('a message from elsewhere preserves the scroll position and shows the New messages button', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, name, 50);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(50);
  await chat.log.hover();
  await page.mouse.wheel(0, -20_000);
  const top = chat.rows.filter({ hasText: 'message 1 of 50' });
  await expect(top).toBeInViewport();
  await request.post(`/api/session/${encodeURIComponent(name)}/messages`, {
    data: { messages: [{ role: 'assistant', content: 'news' }] },
  });
  const button = page.getByRole('button', { name: 'New messages' });
  await expect(button).toBeVisible();
  await expect(top).toBeInViewport();
  await button.click();
  await expect(chat.rows.filter({ hasText: 'news' })).toBeInViewport();
  await expect(button).toBeHidden();
});

test('markup is shown as text', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.say('<img src=x onerror=alert(1)> <b>bold</b>');
  await expect(chat.userMessage('bold').locator('.body')).toHaveText('<img src=x onerror=alert(1)> <b>bold</b>');
  await expect(chat.rows.locator('img, b')).toHaveCount(0);
});
