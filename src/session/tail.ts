// Room session: the start of a frame that comes in pieces. A client that sends a long one byte by byte must not cost a
// copy of the whole for each.

/** The first buffer, in bytes. */
const sizeMin = 512

const nothing: Uint8Array<ArrayBuffer> = new Uint8Array(0)

export class Tail {
  #slab = nothing

  /**
   * `held` and then the chunk, in one piece. `held` is the end of what the last call gave, or anything else. Each byte is
   * copied a few times at most, however many calls it takes; what was given before stays as it is.
   */
  join(held: Uint8Array, chunk: Uint8Array): Uint8Array {
    const ours = held.length > 0 && held.buffer === this.#slab.buffer
    const from = ours ? held.byteOffset : 0
    const end = from + held.length
    const size = held.length + chunk.length
    if (ours && end + chunk.length <= this.#slab.length) {
      this.#slab.set(chunk, end) // beyond all that was given before
      return this.#slab.subarray(from, from + size)
    }
    this.#slab = new Uint8Array(Math.max(sizeMin, size * 2))
    this.#slab.set(held)
    this.#slab.set(chunk, held.length)
    return this.#slab.subarray(0, size)
  }

  /** Nothing is held: nothing is kept. */
  clear(): void {
    this.#slab = nothing
  }
}
