// Room service: where this installation is and what it can do, as data from whoever starts it.

/** A region's listeners, as clients reach them. */
export interface Region {
  readonly name: string
  readonly host: string
  readonly port: number
}

export interface Place {
  /** Where clients find the listeners; one at least, the usual one first. */
  readonly regions: readonly Region[]
  /** The addresses that databases are reached from, for firewalls: `203.0.113.7`; none where nobody has said. */
  readonly outbound: readonly string[]
  /** Can databases be made on the spot? */
  readonly hosted: boolean
}

export const noPlace: Place = {
  regions: [{ name: 'local', host: 'localhost', port: 6432 }],
  outbound: [],
  hosted: false,
}
