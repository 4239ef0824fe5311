// The session in the address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRouter } from '../../../public/js/core/router.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { fakeLocalStorage } from './fakes.js';

test('the address holds any user id, and an unchanged address adds no history entry', () => {
  const steps = [];
  const location = { pathname: '/', search: '' };
  const record = (step) => (_, __, url) => {
    steps.push(`${step} ${url}`);
    location.search = new URL(url, 'http://x').search;
  };
  const history = { pushState: record('push'), replaceState: record('replace') };
  const router = createRouter({ scope: { location, history }, storage: createStorage(fakeLocalStorage()) });
  router.navigate('John & Co/ü');
  assert.equal(router.currentUserId(), 'John & Co/ü');
  router.navigate('John & Co/ü');
  router.navigate(null, { replace: true });
  assert.equal(router.currentUserId(), null);
  assert.deepEqual(steps, ['push /?session=John+%26+Co%2F%C3%BC', 'replace /']);
});
