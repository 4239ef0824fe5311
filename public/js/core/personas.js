// Personas: built-in ones, which are shown until the service lists its own, and their display names.
// @ts-check

/** Has the service's wording, so that nothing moves when its list arrives. @type {Persona[]} */
export const BUILT_IN_PERSONAS = [
  {
    key: 'default',
    name: 'Default Assistant',
    description: 'A friendly all-rounder for questions, ideas and everyday tasks.',
  },
  {
    key: 'mental_health_nurse',
    name: 'Mental Health Nurse',
    description: 'A calm, warm listener for hard days. Not a clinician and not for emergencies.',
  },
  {
    key: 'technical_support',
    name: 'Technical Support',
    description: 'Patient step-by-step help with computers, software and networks.',
  },
  {
    key: 'creative_writer',
    name: 'Creative Writer',
    description: 'A lively partner for stories, poems, names and turns of phrase.',
  },
];

/** Returns a note that remains visible with this persona, or null. */
export function disclaimerFor(/** @type {string} */ key) {
  return key === 'mental_health_nurse'
    ? 'Not a clinician, and not for emergencies: if you or someone else is in danger, call your local emergency number.'
    : null;
}

/** Returns the display name of a persona. A key that is not listed is turned into words. */
export function personaName(/** @type {Persona[]} */ personas, /** @type {string | undefined} */ key) {
  const words = (key || 'default').replaceAll('_', ' ');
  return personas.find((persona) => persona.key === key)?.name ?? words[0].toUpperCase() + words.slice(1);
}

/** Returns the valid personas of a response, or the built-in ones if there are none. */
export function validPersonas(/** @type {unknown} */ response) {
  /** @type {Persona[]} */
  const valid = Array.isArray(response) ? response.filter((persona) => persona?.key && persona?.name) : [];
  return valid.length ? valid : BUILT_IN_PERSONAS;
}
