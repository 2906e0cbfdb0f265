// Room session: a map that knows how many bytes it keeps, so that what a client makes us remember has a bound.

export class SizedMap<V> extends Map<string, V> {
  readonly #sizeOf: (value: V) => number
  #bytes = 0

  /** `sizeOf` gives the same for a value as long as it is in the map. */
  constructor(sizeOf: (value: V) => number) {
    super()
    this.#sizeOf = sizeOf
  }

  /** Of keys and values. */
  get bytes(): number {
    return this.#bytes
  }

  override set(key: string, value: V): this {
    this.delete(key)
    this.#bytes += key.length + this.#sizeOf(value)
    return super.set(key, value)
  }

  override delete(key: string): boolean {
    const value = this.get(key)
    if (value !== undefined) this.#bytes -= key.length + this.#sizeOf(value)
    return super.delete(key)
  }

  override clear(): void {
    this.#bytes = 0
    super.clear()
  }
}
