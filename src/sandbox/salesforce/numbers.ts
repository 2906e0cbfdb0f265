// Room sandbox: decimal numbers as text. Nothing here goes through a float.

/** A decimal: digits before and after the point, without superfluous zeros. Zero is never negative. */
export interface Decimal {
  readonly negative: boolean
  /** Empty for a number below one. */
  readonly whole: string
  readonly fraction: string
}

/** Digits written out at most; a number beyond them is out of every field's range anyway. */
const digitsMax = 400

/** Reads decimal text, with or without an exponent. null: no number; 'huge': a number too large to write out. */
export function readDecimal(text: string): Decimal | 'huge' | null {
  const found = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (found === null) return null
  const [, sign = '', before = '', after = '', exponentText = '0'] = found
  if (before === '' && after === '') return null
  const all = `${before}${after}`
  if (/^0*$/.test(all)) return { negative: false, whole: '', fraction: '' }
  const point = before.length + Number(exponentText)
  if (point > digitsMax) return 'huge'
  if (point < -digitsMax) return { negative: false, whole: '', fraction: '' }
  const padded = point < 0 ? `${'0'.repeat(-point)}${all}` : all.padEnd(point, '0')
  const split = Math.max(point, 0)
  return {
    negative: sign === '-',
    whole: padded.slice(0, split).replace(/^0+/, ''),
    fraction: padded.slice(split).replace(/0+$/, ''),
  }
}

/** Rounds half away from zero to `scale` digits after the point. */
export function roundDecimal(number: Decimal, scale: number): Decimal {
  if (number.fraction.length <= scale) return number
  const kept = `${number.whole}${number.fraction.slice(0, scale)}`
  const up = (number.fraction[scale] ?? '0') >= '5'
  const scaled = (BigInt(kept === '' ? '0' : kept) + (up ? 1n : 0n)).toString()
    .padStart(scale + 1, '0')
  const whole = scaled.slice(0, scaled.length - scale).replace(/^0+/, '')
  const fraction = scaled.slice(scaled.length - scale).replace(/0+$/, '')
  return { negative: number.negative && whole + fraction !== '', whole, fraction }
}

/** The text of a decimal. `point`: always with a digit after the point, as Salesforce writes doubles. */
export function writeDecimal(
  { negative, whole, fraction }: Decimal,
  { point }: { point: boolean },
): string {
  const tail = fraction === '' ? (point ? '.0' : '') : `.${fraction}`
  return `${negative ? '-' : ''}${whole === '' ? '0' : whole}${tail}`
}

/** Below, equal or above: -1, 0, 1. Both are texts that `readDecimal` takes. */
export function compareDecimals(left: string, right: string): number {
  const [a, b] = [readDecimal(left), readDecimal(right)]
  if (a === null || b === null || a === 'huge' || b === 'huge') {
    return Math.sign(Number(left) - Number(right))
  }
  const scale = Math.max(a.fraction.length, b.fraction.length)
  const [x, y] = [scaledInteger(a, scale), scaledInteger(b, scale)]
  return x < y ? -1 : x > y ? 1 : 0
}

function scaledInteger({ negative, whole, fraction }: Decimal, scale: number): bigint {
  const size = BigInt(`0${whole}${fraction.padEnd(scale, '0')}`)
  return negative ? -size : size
}
