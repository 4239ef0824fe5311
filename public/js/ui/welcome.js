// The first screen, which is shown while no session is open: the personas to choose from. The message box below starts a session.
// @ts-check

import { element, find, reconcile, setText } from './dom.js';

/** @param {{chat: Chat, dialogs: Dialogs, onChoose: () => void}} deps `onChoose` is called after a click on a persona */
export function createWelcome({ chat, dialogs, onChoose }) {
  const cards = find('welcome-personas');
  const list = find('persona-cards');
  find('welcome-sessions').addEventListener('click', () => void dialogs.openSessions());
  cards.addEventListener('change', (event) => {
    chat.choosePersona(/** @type {HTMLInputElement} */ (event.target).value);
  });
  // The arrow keys, which change the choice too, send clicks without a position.
  cards.addEventListener('click', (event) => {
    const { target, clientX, clientY } = /** @type {MouseEvent} */ (event);
    if ((clientX || clientY) && /** @type {Element} */ (target).closest('label')) onChoose();
  });

  chat.store.watch(['view'], ({ view }) => {
    find('welcome').hidden = view !== 'welcome';
    delete document.documentElement.dataset.expects;
  });
  chat.store.watch(['config'], ({ config }) => {
    find('welcome-owner').hidden = config?.auth !== 'cookie';
  });
  chat.store.watch(['personas', 'chosenPersona'], ({ personas, chosenPersona }) => {
    // The cards of the HTML remain, so that nothing moves.
    reconcile(
      list,
      personas.map((persona) => updateCard(findCard(persona.key) ?? createCard(persona.key), persona)),
    );
    const inputs = [...list.querySelectorAll('input')];
    const chosen = inputs.find(({ value }) => value === chosenPersona) ?? inputs[0];
    chosen.checked = true;
  });

  function findCard(/** @type {string} */ key) {
    return list.querySelector(`input[value="${CSS.escape(key)}"]`)?.closest('label') ?? null;
  }
}

function createCard(/** @type {string} */ key) {
  return element(
    'label',
    { class: 'persona-card' },
    element('input', { type: 'radio', name: 'persona', value: key }),
    element('span', { class: 'persona-initial', 'aria-hidden': 'true' }),
    element('span', { class: 'persona-name', dir: 'auto' }),
    element('span', { class: 'persona-description', dir: 'auto' }),
  );
}

function updateCard(/** @type {Element} */ card, /** @type {Persona} */ { name, description }) {
  const [initial, title, text] = card.querySelectorAll('span');
  setText(initial, [...name][0]);
  setText(title, name);
  setText(text, description ?? '');
  return card;
}
