// Which addresses in a message may become links, and what character references in its text stand for. Knows no nodes.

const PROTOCOLS = ['http:', 'https:', 'mailto:'];
const LONGEST_ADDRESS = 2_000;

/** The address to link to, or null: only whole http, https and mailto addresses are links. */
export function safeAddress(href) {
  const address = decode(href ?? '').trim();
  if (address.length > LONGEST_ADDRESS || !URL.canParse(address)) return null;
  const url = new URL(address);
  return PROTOCOLS.includes(url.protocol) ? url.href : null;
}

/** Text with its character references decoded: marked leaves them as they were written. */
export function decode(text) {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]\w{1,15}));/gi, (whole, decimal, hex, name) => {
    if (name) return NAMED[name] ?? whole;
    return characterOf(decimal ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

/** As the CommonMark specification has it: what is no character is the replacement character. */
function characterOf(code) {
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? String.fromCodePoint(code) : '\ufffd';
}

/** Those that people and models write. Any other stays as it is written. */
const NAMED = {
  __proto__: null,
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', shy: '\u00ad', ensp: '\u2002', emsp: '\u2003', thinsp: '\u2009',
  copy: '©', reg: '®', trade: '™', sect: '§', para: '¶', deg: '°', micro: 'µ', middot: '·', bull: '•', hellip: '…',
  ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', sbquo: '‚', bdquo: '„', laquo: '«', raquo: '»',
  cent: '¢', pound: '£', yen: '¥', euro: '€', plusmn: '±', times: '×', divide: '÷', minus: '−', ne: '≠', le: '≤', ge: '≥',
  asymp: '≈', infin: '∞', radic: '√', sum: '∑', frac12: '½', frac14: '¼', frac34: '¾', sup2: '²', sup3: '³',
  larr: '←', uarr: '↑', rarr: '→', darr: '↓', harr: '↔', alpha: 'α', beta: 'β', gamma: 'γ', delta: 'δ', lambda: 'λ', mu: 'μ',
  pi: 'π', sigma: 'σ', omega: 'ω', Delta: 'Δ', Sigma: 'Σ', Omega: 'Ω', auml: 'ä', ouml: 'ö', uuml: 'ü', szlig: 'ß', eacute: 'é',
};
