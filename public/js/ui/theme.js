// The theme: light, dark or the system's. Applied when this module is evaluated, which blocks the first paint.
// @ts-check

/** Not a record of core/storage.js, which is read too late. */
const KEY = 'nono-theme';
const THEMES = /** @type {const} */ (['system', 'light', 'dark']);
/** Colours of a browser's toolbar, as `--color-surface` in tokens.css, which is not loaded yet. */
const TOOLBAR_COLORS = { light: '#ffffff', dark: '#1d1f21' };

let theme = readTheme();
applyTheme();

/** Makes a button switch between the themes. The labels are passed in, because this module is loaded before all others. */
export function createThemeButton(/** @type {HTMLElement} */ button, /** @type {Record<Theme, string>} */ labels) {
  const update = () => {
    const label = labels[theme];
    button.setAttribute('aria-label', label);
    button.title = label;
    button.dataset.theme = theme;
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // The theme is kept for this visit only.
    }
    applyTheme();
    update();
  });
  update();
}

function applyTheme() {
  for (const meta of document.head.querySelectorAll(/** @type {'meta'} */ ('meta[name=theme-color]'))) {
    const systemTheme = meta.media.includes('dark') ? 'dark' : 'light';
    meta.content = TOOLBAR_COLORS[theme === 'system' ? systemTheme : theme];
  }
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function readTheme() {
  try {
    const stored = localStorage.getItem(KEY);
    return THEMES.find((name) => name === stored) ?? 'system';
  } catch {
    return 'system';
  }
}
