// Room service: answers that are remembered for a moment, so that however often somebody looks, what is asked is asked
// rarely.

interface Kept<T> {
  readonly at: number
  readonly answer: Promise<T>
}

/** Questions remembered at most. */
const keptMax = 100

/**
 * Asks, and remembers what was answered for `keepMs` milliseconds; who asks meanwhile is answered with it. A failure is not
 * remembered. `now` in milliseconds.
 */
export function remembered<Q, T>(
  ask: (question: Q) => Promise<T>,
  { keepMs, now }: { keepMs: number; now: () => number },
): (question: Q) => Promise<T> {
  const kept = new Map<string, Kept<T>>()
  return async (question) => {
    const key = JSON.stringify(question)
    const found = kept.get(key)
    if (found !== undefined && now() - found.at < keepMs) return await found.answer
    const answer = ask(question)
    kept.delete(key)
    kept.set(key, { at: now(), answer })
    const oldest = kept.keys().next()
    if (kept.size > keptMax && !oldest.done) kept.delete(oldest.value)
    try {
      return await answer
    } catch (error) {
      if (kept.get(key)?.answer === answer) kept.delete(key)
      throw error
    }
  }
}
