// Room service: how long a mutation takes from having its turn to leaving. Its turn is asked for that much later, else it
// would come before the mutation is in the journal, and be lost.

export interface Lead {
  /** It took so long, in milliseconds. */
  note(tookMs: number): void
  /** As long as it took at most lately, in milliseconds, and a little more. */
  ms(): number
}

const firstMs = 20
const leadMaxMs = 200
const kept = 20

export function createLead(): Lead {
  let lately: number[] = [firstMs]
  return {
    note: (tookMs) => lately = [...lately.slice(1 - kept), tookMs],
    ms: () => Math.min(leadMaxMs, Math.ceil(Math.max(...lately) * 1.1) + 1),
  }
}
