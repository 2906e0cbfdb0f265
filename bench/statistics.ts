// Bench: what figures of a noisy machine say. Variants take short turns, A B C A B C; each round gives one ratio of turns
// that ran next to each other, and
// the median of those is told, with the quartiles beside it.

/** The middle of the figures. Throws RangeError when there are none. */
export function median(figures: readonly number[]): number {
  return quantile(figures, 0.5)
}

/** The figure below which that part of them lies, between neighbours by line. Throws RangeError for no figures. */
export function quantile(figures: readonly number[], part: number): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  if (low === undefined || high === undefined) throw new RangeError('No median of nothing')
  return low + (high - low) * (place - Math.floor(place))
}

/** One figure for each round, by variant. */
export type Figures<Name extends string> = Readonly<Record<Name, readonly number[]>>

/** How one variant's figures relate to another's. */
export interface Ratio {
  readonly median: number
  /** Half of the rounds lie between these two. */
  readonly low: number
  readonly high: number
}

/** One variant's figure divided by the other's, round by round. Throws RangeError when there are no rounds. */
export function ratioOf(figures: readonly number[], others: readonly number[]): Ratio {
  const ratios = figures.map((figure, round) => figure / (others[round] ?? Number.NaN))
  return {
    median: median(ratios),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
  }
}

/**
 * Has each variant take its turn, `rounds` times over; one that is absent has no figures. The order turns by one place
 * from round to round, so that no variant always follows the same other one.
 */
export async function takeTurns<Name extends string>(
  variants: Readonly<Record<Name, (() => Promise<number>) | null>>,
  { rounds }: { rounds: number },
): Promise<Figures<Name>> {
  const names = Object.keys(variants) as Name[]
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const figure = await variants[name]?.()
      if (figure !== undefined) figures[name].push(figure)
    }
  }
  return figures
}
