// Room wire: what is thrown when bytes are not the protocol.

/**
 * The peer does not speak the protocol. The message is Postgres's own where it has one; `sqlstate` is `08P01`
 * (protocol_violation) unless Postgres uses another.
 */
export class ProtocolViolation extends Error {
  override name = 'ProtocolViolation'
  readonly sqlstate: string
  readonly detail: string | undefined

  constructor(message: string, options: { sqlstate?: string; detail?: string } = {}) {
    super(message)
    this.sqlstate = options.sqlstate ?? '08P01'
    this.detail = options.detail
  }
}
