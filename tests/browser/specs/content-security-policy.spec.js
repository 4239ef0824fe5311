// The page is served with a strict content security policy, which the browser enforces.

import { CSP } from '../fake-server.js';
import { expect, test } from '../support/fixture.js';

test('the page is served with the exact security headers', async ({ request }) => {
  const headers = (await request.get('/')).headers();
  expect(headers).toMatchObject({
    'content-security-policy': CSP,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  });
});

test('the browser rejects HTML strings', async ({ page, expectedErrors }) => {
  expectedErrors.push(/TrustedHTML|securitypolicyviolation: require-trusted-types-for/);
  await page.goto('/');
  const refused = await page.evaluate(() => {
    try {
      document.body.insertAdjacentHTML('beforeend', '<b>no</b>');
      return 'accepted';
    } catch (error) {
      return error.name;
    }
  });
  expect(refused).toBe('TypeError');
});
