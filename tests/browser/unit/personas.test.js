// Personas and their names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILT_IN_PERSONAS, disclaimerFor, personaName, validPersonas } from '../../../public/js/core/personas.js';

test('the built-in personas are the fallback, and unknown keys are turned into words', () => {
  assert.equal(validPersonas(null), BUILT_IN_PERSONAS);
  assert.equal(validPersonas([]), BUILT_IN_PERSONAS);
  assert.deepEqual(validPersonas([{ key: 'a', name: 'A' }, { key: 'b' }]), [{ key: 'a', name: 'A' }]);
  assert.equal(personaName(BUILT_IN_PERSONAS, 'mental_health_nurse'), 'Mental Health Nurse');
  assert.equal(personaName(BUILT_IN_PERSONAS, 'ship_doctor'), 'Ship doctor');
  assert.match(disclaimerFor('mental_health_nurse'), /emergency number/);
  assert.equal(disclaimerFor('default'), null);
});
