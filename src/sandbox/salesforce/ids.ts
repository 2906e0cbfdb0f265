// Room sandbox: Salesforce record ids. 15 characters that tell upper from lower case, or the same with three more that
// hold the cases, so that an id survives a system that does not tell them apart.

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const suffixes = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'

/** Between the object's prefix and the counter: the pod and reserved characters. */
const middle = '5j00000'
const counterLength = 5

/** The three characters that follow a 15-character id. */
export function idSuffix(id15: string): string {
  let suffix = ''
  for (let chunk = 0; chunk < 15; chunk += 5) {
    let bits = 0
    for (let bit = 0; bit < 5; bit++) {
      const character = id15[chunk + bit] ?? ''
      if (character >= 'A' && character <= 'Z') bits |= 1 << bit
    }
    suffix += suffixes[bits]
  }
  return suffix
}

/** The 18-character id of the `count`-th record of the object with the prefix. */
export function makeId(prefix: string, count: number): string {
  let rest = count
  let counter = ''
  for (let place = 0; place < counterLength; place++) {
    counter = `${digits[rest % 62]}${counter}`
    rest = Math.floor(rest / 62)
  }
  const id15 = `${prefix}${middle}${counter}`
  return `${id15}${idSuffix(id15)}`
}

/** The 18-character form of an id of 15 or 18 characters, or null for text that is no id. */
export function readId(text: string): string | null {
  if (!/^[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?$/.test(text)) return null
  const id15 = text.slice(0, 15)
  const suffix = idSuffix(id15)
  return text.length === 18 && text.slice(15).toUpperCase() !== suffix ? null : `${id15}${suffix}`
}
