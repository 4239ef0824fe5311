// Words about the built-in personas. They are the service's, so that nothing moves when its list arrives.
// @ts-check

/** @type {Persona[]} */
export const PERSONAS = [
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

/** Notes that remain visible with a persona, by its key. */
export const DISCLAIMERS = new Map([
  [
    'mental_health_nurse',
    'Not a clinician, and not for emergencies: if you or someone else is in danger, call your local emergency number.',
  ],
]);
