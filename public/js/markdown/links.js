// Link targets that are safe to follow, and character references.
// @ts-check

const PROTOCOLS = ['http:', 'https:', 'mailto:'];
const MAX_URL_LENGTH = 2_000;

/** Returns the URL to link to, or null: only absolute http, https and mailto URLs become links. */
export function safeUrl(/** @type {string | null | undefined} */ href) {
  const address = decodeReferences(href ?? '').trim();
  if (address.length > MAX_URL_LENGTH || !URL.canParse(address)) return null;
  const url = new URL(address);
  return PROTOCOLS.includes(url.protocol) ? url.href : null;
}

/** Decodes the character references in a text, which marked leaves as they are. */
export function decodeReferences(/** @type {string} */ text) {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]\w{1,15}));/gi, (reference, decimal, hex, name) => {
    if (name) return NAMED_REFERENCES[name] ?? reference;
    return toCharacter(decimal ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

/** Returns the character of a code point, or the replacement character if it is invalid, as CommonMark specifies. */
function toCharacter(/** @type {number} */ code) {
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? String.fromCodePoint(code) : '\ufffd';
}

/** @type {Record<string, string>} the common references; others are not decoded */
const NAMED_REFERENCES = {
  // @ts-expect-error a prototype is no string
  __proto__: null,
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  shy: '\u00ad',
  ensp: '\u2002',
  emsp: '\u2003',
  thinsp: '\u2009',
  copy: '©',
  reg: '®',
  trade: '™',
  sect: '§',
  para: '¶',
  deg: '°',
  micro: 'µ',
  middot: '·',
  bull: '•',
  hellip: '…',
  ndash: '–',
  mdash: '—',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  sbquo: '‚',
  bdquo: '„',
  laquo: '«',
  raquo: '»',
  cent: '¢',
  pound: '£',
  yen: '¥',
  euro: '€',
  plusmn: '±',
  times: '×',
  divide: '÷',
  minus: '−',
  ne: '≠',
  le: '≤',
  ge: '≥',
  asymp: '≈',
  infin: '∞',
  radic: '√',
  sum: '∑',
  frac12: '½',
  frac14: '¼',
  frac34: '¾',
  sup2: '²',
  sup3: '³',
  larr: '←',
  uarr: '↑',
  rarr: '→',
  darr: '↓',
  harr: '↔',
  alpha: 'α',
  beta: 'β',
  gamma: 'γ',
  delta: 'δ',
  lambda: 'λ',
  mu: 'μ',
  pi: 'π',
  sigma: 'σ',
  omega: 'ω',
  Delta: 'Δ',
  Sigma: 'Σ',
  Omega: 'Ω',
  auml: 'ä',
  ouml: 'ö',
  uuml: 'ü',
  szlig: 'ß',
  eacute: 'é',
};
