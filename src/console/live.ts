// Room console: parts of pages that are sent again whenever they change, as server-sent events. Streams are few, end after
// a while (browsers come back by themselves), with the session that asked for them, and at once when the process does.

import type { Html } from './html.ts'
import { pause } from './pause.ts'

/** Between two looks, in milliseconds. */
const lookMs = 1_500
/** So often something is sent where nothing changes, so that whoever has gone is noticed. */
const beatMs = 15_000
const streamMs = 10 * 60_000
const streamsMax = 100

export interface StreamOptions {
  readonly signal: AbortSignal
  readonly isOpen: () => boolean
}

export interface Live {
  /**
   * Sends what `draw` gives; ends when it fails, and a browser asks again. `isOpen` is asked before anything is drawn or
   * sent: may it still be seen?
   */
  stream(draw: () => Promise<Html>, options: StreamOptions): Response
  /** How many there are. */
  readonly size: number
  /** Ends all, and takes no more. */
  close(): void
}

export function createLive({ now }: { now: () => number }): Live {
  const ending = new AbortController()
  let size = 0
  return {
    get size() {
      return size
    },
    stream: (draw, { signal, isOpen }) => {
      if (size >= streamsMax || ending.signal.aborted) {
        return new Response(null, { status: 503, headers: { 'retry-after': '10' } })
      }
      size += 1
      const gone = new AbortController()
      const over = AbortSignal.any([signal, ending.signal, gone.signal])
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          void send(controller, { draw, over, now, isOpen }).finally(() => {
            size -= 1
            close(controller)
          })
        },
        cancel: () => gone.abort(),
      })
      return new Response(body, {
        headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
      })
    },
    close: () => ending.abort(),
  }
}

type Controller = ReadableStreamDefaultController<Uint8Array>

async function send(
  controller: Controller,
  { draw, over, now, isOpen }: {
    draw: () => Promise<Html>
    over: AbortSignal
    now: () => number
    isOpen: () => boolean
  },
): Promise<void> {
  const encoder = new TextEncoder()
  const until = now() + streamMs
  let before = ''
  let saidAt = now()
  while (!over.aborted && now() < until && isOpen()) {
    let drawn: string
    try {
      drawn = String(await draw())
    } catch {
      return
    }
    if (over.aborted || !isOpen()) return
    if (drawn !== before || now() - saidAt >= beatMs) {
      controller.enqueue(encoder.encode(drawn === before ? ': still here\n\n' : eventOf(drawn)))
      before = drawn
      saidAt = now()
    }
    await pause(lookMs, over)
  }
}

/** Every line of an event begins with `data:`. */
function eventOf(text: string): string {
  return `data: ${text.replaceAll(/\r\n|\r|\n/g, '\ndata: ')}\n\n`
}

function close(controller: Controller): void {
  try {
    controller.close()
  } catch {
    // whoever listened has gone
  }
}
