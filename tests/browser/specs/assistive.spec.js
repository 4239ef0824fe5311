// Accessibility beyond axe: screen readers, small and zoomed windows, reduced motion, forced colours and printing.

import { createFilled, createStored, expect, gate, pathOf, scripted, test } from '../support/fixture.js';
import { expectMeasured } from '../support/stable-layout.js';

test('the accessibility tree of the log is a conversation', async ({ page, chat, name, request }) => {
  await createStored(
    request,
    name,
    [
      ['user', 'What is this?'],
      ['assistant', 'A **list**:\n\n- one\n- two\n\n```js\nlet a;\n```'],
    ],
    { persona: 'technical_support' },
  );
  await page.goto(pathOf(name));
  await expect(page.locator('.code')).toBeVisible();
  await expect(chat.log).toMatchAriaSnapshot(`
    - log "Conversation":
      - heading "today" [level=2]
      - article "You":
        - text: What is this?
        - time: /\\d\\d:\\d\\d/
      - article "Technical Support":
        - text: Technical Support
        - time: /\\d\\d:\\d\\d/
        - paragraph:
          - text: A
          - strong: list
          - text: ":"
        - list:
          - listitem: one
          - listitem: two
        - text: js
        - button "Copy js code": Copy
        - group "Code in js":
          - code: let a;
  `);
});

test('the accessibility tree of the New Session dialog is a form', async ({ page, chat }) => {
  await page.goto('/');
  await expect(page.getByRole('radio', { name: 'Creative Writer' })).toBeVisible();
  await chat.newButton.click();
  await expect(chat.newDialog).toMatchAriaSnapshot(`
    - dialog "New Session":
      - heading "New Session" [level=2]
      - text: Display Name (optional)
      - textbox "Display Name (optional)"
      - paragraph: If you leave this empty, you get a name such as user_1729418400.
      - text: Persona
      - combobox "Persona":
        - option "Default Assistant" [selected]
        - option "Mental Health Nurse"
        - option "Technical Support"
        - option "Creative Writer"
      - paragraph
      - button "Cancel"
      - button "Create Session"
  `);
});

test('the accessibility tree of the Sessions dialog has a list for each day', async ({ page, chat, name, request }) => {
  await createFilled(request, `${name} other`, 2, { persona: 'creative_writer' });
  await page.goto('/');
  await chat.create(name);
  await chat.sessionsButton.click();
  await expect(chat.row(`${name} other`)).toBeVisible();
  await expect(chat.sessionsDialog).toMatchAriaSnapshot(`
    - dialog "Manage Sessions":
      - heading "Manage Sessions" [level=2]
      - status: /\\d+ sessions/
      - search:
        - searchbox "Search sessions"
      - heading "Today" [level=3]
      - list "Today":
        - listitem:
          - link /^${name} Current Default Assistant · 0 messages ends in 60 min No messages yet created just now · active just now$/
          - button "Actions for session ${name}"
        - listitem:
          - link /^${name} other Creative Writer · 2 messages ends in 60 min/
          - button "Actions for session ${name} other"
      - button "Close"
      - button "New Session"
  `);
  await expect(chat.link('Current')).toHaveAttribute('aria-current', 'true');
});

test('changes in a dialog are announced in the dialog', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.sessionsButton.click();
  await chat.choose('Current', 'Delete');
  await expect(chat.sessionsDialog.locator('.announcer')).toHaveText(
    `Session of ${name} deleted. Undo is available for 10 seconds.`,
  );
});

/** Runs in the page. Returns the visible elements that scroll horizontally and the controls that are smaller than a tap target. */
function misfits() {
  const visible = (selector) =>
    [...document.querySelectorAll(selector)].filter((node) => {
      const { width, height } = node.getBoundingClientRect();
      return width > 0 && height > 0 && node.checkVisibility({ visibilityProperty: true });
    });
  // A mouse needs smaller targets for the actions of a message: phone.spec.js measures them on a touch screen.
  const target = (node) => (node.closest('.message-actions') && matchMedia('(pointer: fine)').matches ? 24 : 44);
  const isSmall = (node) => {
    const { width, height } = node.getBoundingClientRect();
    return Math.round(height) < target(node) || Math.round(width) < target(node);
  };
  return {
    wide: visible('html, .composer-area, .log, .welcome, dialog, .dialog-body')
      .filter((node) => node.scrollWidth > node.clientWidth)
      .map((node) => node.className || node.tagName),
    small: visible('button, .button, input, select, textarea')
      .filter(isSmall)
      .map((node) => node.outerHTML),
  };
}

const check = (page, state) => expectMeasured(page, misfits, { wide: [], small: [] }, state);

for (const [what, size] of [
  ['at 320 pixels', { width: 320, height: 640 }],
  ['at 200 % in a window of 1280 by 720', { width: 640, height: 360 }],
  ['at 400 %', { width: 320, height: 256 }],
]) {
  test(`nothing scrolls horizontally ${what}, and tap targets are 44 pixels high`, async ({
    page,
    chat,
    name,
    request,
  }) => {
    await page.setViewportSize(size);
    const long = `${name} ${'long'.repeat(20)}`;
    await createStored(request, long, [
      ['user', 'a'],
      ['assistant', '```js\nlet a;\n```\n\nb'],
      ['user', 'c'],
    ]);
    await page.goto('/');
    await expect(page.getByRole('radio', { name: 'Creative Writer' })).toBeVisible();
    await check(page, 'welcome');
    await page.goto(pathOf(long));
    await expect(page.locator('.copy')).toBeVisible();
    await check(page, 'loaded');
    await expect(chat.sendButton).toBeInViewport({ ratio: 1 });
    await chat.sessionsButton.click();
    await expect(chat.row(name)).toBeVisible();
    await check(page, 'Sessions dialog');
    await expect((await chat.openMenu(name)).getByRole('menuitem', { name: 'Delete' })).toBeInViewport({ ratio: 1 });
    await check(page, 'menu of a session');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('menu')).toHaveCount(0);
    await expect(chat.sessionsDialog.getByRole('button', { name: 'Close' })).toBeInViewport({ ratio: 1 });
    await page.keyboard.press('Escape');
    await chat.newButton.click();
    await expect(chat.newDialog).toBeVisible();
    await check(page, 'New dialog');
    await chat.newDialog.getByRole('button', { name: 'Create Session' }).scrollIntoViewIfNeeded();
    await expect(chat.newDialog.getByRole('button', { name: 'Create Session' })).toBeInViewport({ ratio: 1 });
  });
}

test.describe('with wider text spacing', () => {
  test('nothing is clipped', async ({ page, chat, name, request }) => {
    await createFilled(request, name, 3);
    await page.goto(pathOf(name));
    await expect(chat.rows).toHaveCount(3);
    // The text spacing of WCAG 1.4.12, as a user's style sheet would set it.
    await page.evaluate(() => {
      for (const node of document.querySelectorAll('body *'))
        Object.assign(node.style, { lineHeight: '1.5', letterSpacing: '0.12em', wordSpacing: '0.16em' });
    });
    await check(page, 'wider text');
    await expect(chat.sendButton).toBeInViewport({ ratio: 1 });
  });
});

/** Runs in the page. Returns the maximum number of running animations in ten frames, so that one that begins late is counted. */
async function maxRunningAnimations() {
  let most = 0;
  for (let frame = 0; frame < 10; frame += 1) {
    const running = document
      .getAnimations()
      .filter(({ playState, effect }) => playState === 'running' && effect.getTiming().duration > 0);
    most = Math.max(most, running.length);
    await window.realFrame();
  }
  return most;
}

scripted(
  'with reduced motion there are no animations, also while a reply streams',
  async ({ page, chat, name, program }) => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    const { opened, open } = gate();
    program.plan(name, { text: 'One two', after: 1, gate: opened });
    const runningAnimations = () => page.evaluate(maxRunningAnimations);
    await page.goto('/');
    await chat.newButton.click();
    await expect(chat.newDialog).toBeVisible();
    expect(await runningAnimations()).toBe(0);
    await page.keyboard.press('Escape');
    await chat.create(name);
    await chat.send('Hello');
    await expect(chat.reply('One')).toBeVisible();
    expect(await runningAnimations()).toBe(0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    await expect.poll(runningAnimations).toBeGreaterThan(0);
    open();
  },
);

test('with forced colours, borders replace background colours', async ({ page, chat, name, request }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await createFilled(request, name, 2);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(2);
  for (const bordered of [chat.userMessage('message').locator('.body'), chat.sendButton]) {
    await expect(bordered).toHaveCSS('border-top-style', 'solid');
    await expect(bordered).toHaveCSS('border-top-width', '1px');
  }
  await chat.sessionsButton.click();
  await expect(chat.row('Current')).toHaveCSS('outline-style', 'solid');
});

test('the printed page has the whole conversation and nothing else', async ({ page, chat, name, request }) => {
  await createFilled(request, name, 50);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(50);
  await page.emulateMedia({ media: 'print' });
  for (const gone of [chat.sendButton, chat.newButton, chat.sessionsButton]) await expect(gone).toBeHidden();
  const pdf = (await page.pdf()).toString('latin1');
  expect(pdf.match(/\/Type\s*\/Page\b/g).length).toBeGreaterThan(2);
});
