// Room platforms: several requests under way at one time, and no more.

/** What `act` gives for each item, so many at a time; in no order. Rejects with the first that rejects. */
export async function inLanes<Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
  lanes: number,
): Promise<Result[]> {
  const queue = items.values()
  const results: Result[] = []
  const lane = async () => {
    for (const item of queue) results.push(await act(item))
  }
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane))
  return results
}
