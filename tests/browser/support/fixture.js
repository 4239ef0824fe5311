// What every spec starts from: the program, a page on it that must stay free of errors, and the person's usual steps.

import { test as base, expect } from '@playwright/test';
import { startFakeServer } from '../fake-server.js';
import { createMortalBrowser } from './killable-browser.js';
import { keepFrames, settled } from './stable-layout.js';
import { startProgram } from './program.js';

/** A demo reply of the program takes a second or two, longer beside a compiler. */
const REPLY_MS = 15_000;

let names = 0;

export const test = base.extend({
  program: [
    async ({}, use) => {
      const program = await startProgram();
      await use(program);
      await program.stop();
    },
    { scope: 'worker' },
  ],

  baseURL: ({ program }, use) => use(program.url),

  /** Console errors that a test provokes on purpose, as patterns. Personas may not be served yet; the page has its own then. */
  expected: async ({}, use) => use([/status of (404|501) .*\/api\/personas$/]),

  /** What the browser complained about in any page of the context. */
  complaints: async ({ expected }, use) => {
    const complaints = [];
    await use(complaints);
    const unexpected = complaints.filter((complaint) => !expected.some((pattern) => pattern.test(complaint)));
    expect(unexpected, 'the console stays clean').toEqual([]);
  },

  context: async ({ context, complaints }, use) => {
    await overhear(context, complaints);
    await use(context);
  },

  /** A browser with a profile on disk, which can be killed and started again: `await browser.start()`. */
  mortal: async ({ complaints, expected, baseURL }, use) => {
    const mortal = createMortalBrowser();
    await use({
      ...mortal,
      async start(path = '/') {
        const page = await mortal.start((context) => overhear(context, complaints));
        await page.goto(new URL(path, baseURL).href);
        return new Chat(page, expected);
      },
    });
    await mortal.end();
  },

  /** A name that no other test of this worker has used. */
  name: async ({}, use, info) => use(`Ada ${info.workerIndex}-${(names += 1)}`),

  chat: async ({ page, expected }, use) => use(new Chat(page, expected)),
});

/** The same on fake-server.js, whatever the others run on: for replies that must go wrong in exactly one way. */
export const scripted = test.extend({
  program: [
    async ({}, use) => {
      const program = await startFakeServer();
      await use(program);
      await program.stop();
    },
    { scope: 'worker' },
  ],
});

export { expect };

/** Collects what the browser complains about in the pages of a context. */
async function overhear(context, complaints) {
  await context.addInitScript(keepFrames);
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`securitypolicyviolation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
    });
  });
  const listen = (page) => {
    page.on('pageerror', (error) => complaints.push(`pageerror: ${error.stack}`));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(`${message.text()} ${message.location().url}`);
    });
  };
  context.pages().forEach(listen);
  context.on('page', listen);
}

/** The page as the person sees it. */
export class Chat {
  constructor(page, expected) {
    this.page = page;
    this.expected = expected;
    this.newButton = page.getByRole('button', { name: 'New', exact: true });
    this.sessionsButton = page.getByRole('button', { name: 'Sessions', exact: true });
    this.newDialog = page.getByRole('dialog', { name: 'New Session' });
    this.sessionsDialog = page.getByRole('dialog', { name: 'Manage Sessions' });
    this.message = page.getByRole('textbox', { name: 'Message' });
    this.sendButton = page.getByRole('button', { name: 'Send', exact: true });
    this.stopButton = page.getByRole('button', { name: 'Stop', exact: true });
    this.log = page.getByRole('log', { name: 'Conversation' });
    this.rows = this.log.getByRole('article');
    this.user = page.locator('#user-id');
  }

  async create(name, persona) {
    await this.newButton.click();
    await this.newDialog.getByLabel('Display Name').fill(name);
    if (persona) await this.newDialog.getByLabel('Persona').selectOption(persona);
    await this.newDialog.getByRole('button', { name: 'Create Session' }).click();
    await expect(this.newDialog).toBeHidden();
    await expect(this.user).toHaveText(name);
    await expect(this.sendButton).toBeEnabled();
  }

  async send(text) {
    await this.message.fill(text);
    await this.sendButton.click();
  }

  /** Sends and waits until the server has it and its reply. */
  async say(text) {
    await this.send(text);
    await expect(this.mine(text)).toHaveAttribute('data-state', /sent|stored/);
    await this.replied();
  }

  /** Waits until the newest thing said is a whole reply. */
  async replied() {
    await expect(this.rows.last()).toHaveAttribute('data-role', 'assistant', { timeout: REPLY_MS });
    await expect(this.rows.last()).toHaveAttribute('data-state', 'stored', { timeout: REPLY_MS });
  }

  /** Scrolls to the oldest loaded message. Scrolling earlier would compete with the page, which keeps the end in view as rows grow. */
  async scrollToTop() {
    await settled(this.page);
    await this.log.evaluate((log) => (log.scrollTop = 0));
  }

  mine(text) {
    return this.rows.and(this.page.locator('[data-role=user]')).filter({ hasText: text });
  }

  theirs(text) {
    return this.rows.and(this.page.locator('[data-role=assistant]')).filter({ hasText: text });
  }

  banner(id) {
    return this.page.locator(`.banner[data-id="${id}"]`);
  }

  row(name) {
    return this.sessionsDialog.getByRole('listitem').filter({ hasText: name });
  }

  /** Answers calls whose path matches with a refusal, `times` times; the rest goes to the program. */
  async refuse(path, { status, reason, detail = 'refused by the test', times = Infinity, method, headers = {}, ...more }) {
    let left = times;
    this.expected.push(new RegExp(`status of ${status} `));
    await this.page.route(path, (route) => {
      if (left <= 0 || (method && route.request().method() !== method)) return route.fallback();
      left -= 1;
      const body = JSON.stringify({ type: 'about:blank', title: reason, status, reason, detail, ...more });
      return route.fulfill({ status, headers: { 'content-type': 'application/problem+json', ...headers }, body });
    });
  }
}

/** Fills a session over REST, as many messages as a test needs. */
export const fill = (request, name, count, more) =>
  store(request, name, Array.from({ length: count }, (_, index) => [index % 2 ? 'assistant' : 'user', `message ${index + 1} of ${count}`]), more);

/** Makes a session over REST with these messages, each `[role, content]`. */
export async function store(request, name, talk, { persona = 'default' } = {}) {
  const create = await request.post('/api/session/create', { data: { user_id: name, persona } });
  expect(create.ok(), await create.text()).toBe(true);
  const messages = talk.map(([role, content]) => ({ role, content }));
  for (let from = 0; from < messages.length; from += 100) {
    const append = await request.post(`/api/session/${encodeURIComponent(name)}/messages`, { data: { messages: messages.slice(from, from + 100) } });
    expect(append.ok(), await append.text()).toBe(true);
  }
}

/** Holds a reply back until it is opened. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

/** The request ids of every turn that the page asks for. */
export function idsOf(page) {
  const ids = [];
  page.on('request', (request) => request.url().endsWith('/chat') && ids.push(request.postDataJSON().request_id));
  return ids;
}

export const address = (name) => `/?${new URLSearchParams({ session: name })}`;
