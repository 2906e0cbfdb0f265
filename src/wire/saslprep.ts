// Room wire: SASLprep (RFC 4013) of a password, as Postgres does it (saslprep.c): where the rules forbid the password,
// it is used as it is.

// RFC 3454, C.1.2: become a space
const spaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu

// RFC 3454, B.1: become nothing
const nothings =
  /\u00ad|\u034f|\u1806|\u180b|\u180c|\u180d|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu

// RFC 3454, C.2 to C.9, and what no Unicode has assigned. Postgres goes by Unicode 3.2 here: a password that holds both
// a character added since and one that NFKC changes is prepared there as it is, here in its normal form.
const prohibited = new RegExp(
  '[\\p{Cc}\\p{Co}\\p{Cs}\\p{Cn}\\u06dd\\u070f\\u180e\\u200c-\\u200f\\u2028-\\u202e\\u2060-\\u2063' +
    '\\u206a-\\u206f\\ufeff\\ufff9-\\ufffd\\u2ff0-\\u2ffb\\u0340\\u0341\\u{1d173}-\\u{1d17a}' +
    '\\u{e0001}\\u{e0020}-\\u{e007f}]',
  'u',
)

// RFC 3454, D.1 and D.2, by script: text that runs from right to left, and letters that run from left to right
const rightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\u200f]/u
const leftToRight = /\p{L}/u

/** The password in its normal form, or as it was where it cannot have one. */
export function saslprep(password: string): string {
  // the usual case; tests for ASCII
  if (/^[\x00-\x7f]*$/.test(password)) return password
  const mapped = password.replaceAll(spaces, ' ').replaceAll(nothings, '').normalize('NFKC')
  if (mapped === '' || prohibited.test(mapped)) return password
  return keepsDirection(mapped) ? mapped : password
}

// RFC 3454, section 6
function keepsDirection(text: string): boolean {
  if (!rightToLeft.test(text)) return true
  const characters = Array.from(text)
  const mixed = characters.some((one) => leftToRight.test(one) && !rightToLeft.test(one))
  return !mixed && rightToLeft.test(characters[0] ?? '') &&
    rightToLeft.test(characters.at(-1) ?? '')
}
