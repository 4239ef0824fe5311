// The voices to choose from, and the ones to offer while the service does not list its own.

export const BUILT_IN = [
  { key: 'default', name: 'Default Assistant', description: 'Clear, friendly help with everyday questions.' },
  { key: 'mental_health_nurse', name: 'Mental Health Nurse', description: 'A calm ear for what is on your mind.' },
  { key: 'technical_support', name: 'Technical Support', description: 'Step by step through what does not work.' },
  { key: 'creative_writer', name: 'Creative Writer', description: 'Stories, verse and fresh ways to say it.' },
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
