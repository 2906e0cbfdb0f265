// Room mutation: the life of one mutation in the journal, as a total table. Every transition that the store makes is
// one of these; SQL is guarded by the same table (`statesBefore`). SPEC.md beside it says what it means and what keeps it.

export const lifeStates = [
  'received',
  'sent',
  'accepted',
  'refused',
  'unknown',
  'applied',
] as const
export type LifeState = typeof lifeStates[number]

export const lifeEvents = ['send', 'accept', 'refuse', 'lose', 'apply', 'learn'] as const
/**
 * send: the request is about to leave. accept, refuse: the platform answered, or nothing was sent (refuse). lose: nobody
 * will hear the answer. apply: the rows are committed in the customer's database. learn: of rows that were in doubt it is
 * known what became of them; rows that were known stay.
 */
export type LifeEvent = typeof lifeEvents[number]

type Row = Readonly<Record<LifeEvent, LifeState | null>>

const none: Row = { send: null, accept: null, refuse: null, lose: null, apply: null, learn: null }

/** State × event → next state; null: it cannot happen and nothing is changed. */
export const life: Readonly<Record<LifeState, Row>> = {
  received: { ...none, send: 'sent', refuse: 'refused' },
  sent: { ...none, accept: 'accepted', refuse: 'refused', lose: 'unknown' },
  accepted: { ...none, apply: 'applied', learn: 'accepted' },
  refused: none,
  // found out afterwards, by a late answer or by inquiry; a listener that heard `accepted` may say that it applied
  unknown: { ...none, accept: 'accepted', refuse: 'refused', apply: 'applied' },
  applied: { ...none, apply: 'applied', learn: 'applied' },
}

/** The states in which the event may happen: for `where state in (…)`. */
export function statesBefore(event: LifeEvent): LifeState[] {
  return lifeStates.filter((state) => life[state][event] !== null)
}
