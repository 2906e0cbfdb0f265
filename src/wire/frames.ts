// Room wire: a stream of bytes <-> frames. It promises views instead of copies where a frame lies within a chunk, linear
// time however a frame is cut up, and that no frame is longer than the reader was told to accept.

import { ProtocolViolation } from './violation.ts'

/**
 * One message, not yet decoded.
 * https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
 */
export interface Frame {
  /** Char code of the message type. */
  readonly tag: number
  /** The whole frame: type byte, four bytes of length, body. A view: it lives as long as the chunk it came in. */
  readonly bytes: Uint8Array
}

/** Bytes of type and length before a body. */
export const headerSize = 5

/** The longest length field that Postgres itself accepts: MaxAllocSize - 1 (pqcomm.c, PQ_LARGE_MESSAGE_LIMIT). */
export const frameSizeMax = 0x3fff_fffe

/** The longest that Postgres accepts of messages without data (pqcomm.c, PQ_SMALL_MESSAGE_LIMIT). */
const smallSizeMax = 10_000

const large = Array.from('QPBFd', (letter) => letter.charCodeAt(0))

/** The longest length field that Postgres accepts of a client's message of that type (postgres.c, SocketBackend). */
export function frontendSizeMax(tag: number): number {
  return large.includes(tag) ? frameSizeMax : smallSizeMax
}

export interface FrameReader {
  /** Takes the next bytes of the stream. The chunk must not be written to afterwards. */
  push(chunk: Uint8Array): void
  /** The next whole frame, or undefined until more is pushed. Throws ProtocolViolation, and goes on throwing. */
  next(): Frame | undefined
  /** A copy of the bytes that are not yet part of a frame returned by `next`. */
  rest(): Uint8Array
}

// chunks smaller than this are gathered: a peer that sends single bytes must not cost us an object for each
const gatherBelow = 512
const slabSize = 4096
const noSlab = new Uint8Array(0)

/**
 * A reader of frames. `sizeMax`: the longest length field accepted, in bytes, for all types or by type; it counts the four
 * bytes of itself and the body, not the type, as in the protocol.
 */
export function createFrameReader(
  { sizeMax }: { sizeMax: number | ((tag: number) => number) },
): FrameReader {
  const mostOf = typeof sizeMax === 'number' ? () => sizeMax : sizeMax
  const chunks = createChunks()
  return {
    push: (chunk) => chunks.push(chunk),
    next: () => {
      if (chunks.size() < headerSize) return undefined
      const length = chunks.byteAt(1) * 0x100_0000 +
        (chunks.byteAt(2) << 16 | chunks.byteAt(3) << 8 | chunks.byteAt(4))
      if (length < 4 || length > mostOf(chunks.byteAt(0))) {
        throw new ProtocolViolation('invalid message length')
      }
      if (chunks.size() < length + 1) return undefined
      const bytes = chunks.take(length + 1)
      return { tag: bytes[0] ?? 0, bytes }
    },
    rest: () => chunks.copy(),
  }
}

interface Chunks {
  push(chunk: Uint8Array): void
  size(): number
  /** The byte at a position; the caller has checked the size. */
  byteAt(position: number): number
  /** Removes so many bytes: a view where they lie in one chunk. */
  take(size: number): Uint8Array
  copy(): Uint8Array
}

function createChunks(): Chunks {
  let list: Uint8Array[] = []
  let head = 0 // chunks before it are used up; they are cut off in batches, so that a long list costs linear time
  let offset = 0 // in the chunk at the head
  let total = 0
  let slab = noSlab // the buffer of the last chunk, where small chunks are gathered

  const gather = (chunk: Uint8Array): boolean => {
    const last = list.at(-1)
    if (total === 0 || chunk.length >= gatherBelow || last === undefined) return false
    const end = last.buffer === slab.buffer ? last.length : 0
    if (end === 0 || end + chunk.length > slab.length) {
      slab = new Uint8Array(slabSize)
      slab.set(chunk)
      list.push(slab.subarray(0, chunk.length))
    } else {
      slab.set(chunk, end) // beyond every view given out so far
      list[list.length - 1] = slab.subarray(0, end + chunk.length)
    }
    return true
  }
  const skip = (size: number): void => {
    offset += size
    total -= size
    for (let part = list[head]; part !== undefined && offset >= part.length; part = list[head]) {
      offset -= part.length
      head += 1
    }
    if (total === 0) slab = noSlab // an idle connection keeps nothing
    if (head === list.length || (head > 64 && head * 2 > list.length)) {
      list = list.slice(head)
      head = 0
    }
  }
  const join = (size: number): Uint8Array => {
    const joined = new Uint8Array(size)
    let filled = 0
    for (let index = head, from = offset; filled < size; index += 1, from = 0) {
      const part = (list[index] ?? joined.subarray(0, 0)).subarray(from, from + size - filled)
      joined.set(part, filled)
      filled += part.length
    }
    return joined
  }
  return {
    push: (chunk) => {
      if (chunk.length === 0) return
      if (!gather(chunk)) list.push(chunk)
      total += chunk.length
    },
    size: () => total,
    byteAt: (position) => {
      let index = head
      let at = offset + position
      while (at >= (list[index]?.length ?? Infinity)) at -= list[index++]?.length ?? 0
      return list[index]?.[at] ?? 0
    },
    take: (size) => {
      const first = list[head]
      const whole = first !== undefined && offset + size <= first.length
      const bytes = whole ? first.subarray(offset, offset + size) : join(size)
      skip(size)
      return bytes
    },
    copy: () => join(total),
  }
}
