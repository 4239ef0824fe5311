// Light, dark or as the system has it. Applied when this file loads, before the first paint, so that no page flashes.

/** Not one of the page's `nono:` entries: this one is wanted before any of them can be read. */
const KEY = 'nono-theme';
const THEMES = ['system', 'light', 'dark'];
/** As in tokens.css, which cannot be asked before it is there. */
const AROUND = { light: '#ffffff', dark: '#1d1f21' };

let theme = stored();
apply();

/** The button goes through the three in turn. */
export function createTheme(button) {
  const show = () => {
    const words = `Theme: ${theme}`;
    button.setAttribute('aria-label', words);
    button.title = words;
    button.dataset.theme = theme;
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Not remembered then; it holds for this visit.
    }
    apply();
    show();
  });
  show();
}

function apply() {
  // What a phone draws around the page follows, too.
  for (const meta of document.head.querySelectorAll('meta[name=theme-color]')) {
    meta.content = AROUND[theme === 'system' ? (meta.media.includes('dark') ? 'dark' : 'light') : theme];
  }
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function stored() {
  try {
    const value = localStorage.getItem(KEY);
    return THEMES.includes(value) ? value : 'system';
  } catch {
    return 'system';
  }
}
