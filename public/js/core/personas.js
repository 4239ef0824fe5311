// Personas: built-in ones, which are shown until the service lists its own, and their display names.
// @ts-check

import { DISCLAIMERS, PERSONAS } from './words/personas.js';

export { PERSONAS as BUILT_IN_PERSONAS };

/** Returns a note that remains visible with this persona, or null. */
export const disclaimerFor = (/** @type {string} */ key) => DISCLAIMERS.get(key) ?? null;

/** Returns the display name of a persona. A key that is not listed is turned into words. */
export function personaName(/** @type {Persona[]} */ personas, /** @type {string | undefined} */ key) {
  const words = (key || 'default').replaceAll('_', ' ');
  return personas.find((persona) => persona.key === key)?.name ?? words[0].toUpperCase() + words.slice(1);
}

/** Returns the valid personas of a response, or the built-in ones if there are none. */
export function validPersonas(/** @type {unknown} */ response) {
  /** @type {Persona[]} */
  const valid = Array.isArray(response) ? response.filter((persona) => persona?.key && persona?.name) : [];
  return valid.length ? valid : PERSONAS;
}
