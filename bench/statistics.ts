// Bench: what figures of a noisy machine say. Variants take short turns, A B C A B C; each round gives one ratio of turns
// that ran next to each other, and the median of those is told.

/** The middle of the figures. Throws RangeError when there are none. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const [low, high] = [sorted[sorted.length % 2 === 0 ? half - 1 : half], sorted[half]]
  if (low === undefined || high === undefined) throw new RangeError('No median of nothing')
  return (low + high) / 2
}

/** One figure for each round, by variant. */
export type Figures<Name extends string> = Readonly<Record<Name, readonly number[]>>

/** Median over the rounds of one variant's figure divided by the other's. */
export function medianRatio(
  figures: readonly number[],
  others: readonly number[],
): number {
  const ratios = figures.map((figure, round) => figure / (others[round] ?? Number.NaN))
  return median(ratios)
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
