// Room sql: the one way to say "not certain" from inside the lexer and the walk. It never leaves this room.

/** Thrown inside the room; `recognise` turns it into `{ certain: false, reason, beyond }`. */
export class Unsure extends Error {
  override name = 'Unsure'
  /** The text is longer than what is read. */
  readonly beyond: boolean

  constructor(reason: string, { beyond = false } = {}) {
    super(reason)
    this.beyond = beyond
  }
}

/** Gives up on the text. `reason` is lower case, without a full stop, and quotes no values from the text. */
export function unsure(reason: string): never {
  throw new Unsure(reason)
}

/** As `unsure`, of a text that is longer than what is read. */
export function unsureBeyond(reason: string): never {
  throw new Unsure(reason, { beyond: true })
}
