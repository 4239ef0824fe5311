// The voices to choose from, and the ones to offer until the service lists its own: worded alike, so that nothing moves when it does.

export const BUILT_IN = [
  { key: 'default', name: 'Default Assistant', description: 'A friendly all-rounder for questions, ideas and everyday tasks.' },
  { key: 'mental_health_nurse', name: 'Mental Health Nurse', description: 'A calm, warm listener for hard days. Not a clinician and not for emergencies.' },
  { key: 'technical_support', name: 'Technical Support', description: 'Patient step-by-step help with computers, software and networks.' },
  { key: 'creative_writer', name: 'Creative Writer', description: 'A lively partner for stories, poems, names and turns of phrase.' },
];

/** A note that stays in sight for as long as this persona speaks, or null. */
export function cautionOf(key) {
  return key === 'mental_health_nurse'
    ? 'Not a clinician, and not for emergencies: if you or somebody else is in danger, call your local emergency number.'
    : null;
}

/** The name people read, for any key a session may carry. */
export function nameOf(personas, key) {
  const words = (key || 'default').replaceAll('_', ' ');
  return personas.find((persona) => persona.key === key)?.name ?? words[0].toUpperCase() + words.slice(1);
}

/** Usable entries of an answer to `GET /api/personas`, or the built-in ones. */
export function readPersonas(answer) {
  const usable = Array.isArray(answer) ? answer.filter((persona) => persona?.key && persona?.name) : [];
  return usable.length ? usable : BUILT_IN;
}
