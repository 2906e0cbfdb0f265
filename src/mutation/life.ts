// Room mutation: the life of one mutation in the journal, as a total table. Every transition that the store makes is
// one of these; SQL is guarded by the same table (`statesBefore`).
//
// Invariants: 1. A mutation is sent at most once (only `received` can be sent). 2. A known outcome never becomes another
// one. 3. `unknown` can become known, never the other way round. 4. Only what the platform accepted is applied.

export const lifeStates = [
  'received',
  'sent',
  'accepted',
  'refused',
  'unknown',
  'applied',
] as const
export type LifeState = typeof lifeStates[number]

/**
 * send: the request is about to leave. accept, refuse: the platform answered, or nothing was sent (refuse). lose: nobody
 * will hear the answer. apply: the rows are committed in the customer's database.
 */
export type LifeEvent = 'send' | 'accept' | 'refuse' | 'lose' | 'apply'

/** State × event → next state; null: it cannot happen and nothing is changed. */
export const life: Readonly<Record<LifeState, Readonly<Record<LifeEvent, LifeState | null>>>> = {
  received: { send: 'sent', accept: null, refuse: 'refused', lose: null, apply: null },
  sent: { send: null, accept: 'accepted', refuse: 'refused', lose: 'unknown', apply: null },
  accepted: { send: null, accept: null, refuse: null, lose: null, apply: 'applied' },
  refused: { send: null, accept: null, refuse: null, lose: null, apply: null },
  // found out afterwards, by a late answer or by recovery; a listener that heard `accepted` may say that it applied
  unknown: { send: null, accept: 'accepted', refuse: 'refused', lose: null, apply: 'applied' },
  applied: { send: null, accept: null, refuse: null, lose: null, apply: 'applied' },
}

/** The states in which the event may happen: for `where state in (…)`. */
export function statesBefore(event: LifeEvent): LifeState[] {
  return lifeStates.filter((state) => life[state][event] !== null)
}
