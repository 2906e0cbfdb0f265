// Room service: waiting for a moment, or for less long when something happens before.

/** Why a wait is over: the time has come, or somebody called. */
export type Woken = 'due' | 'called'

/** Calls all who wait at a place. */
export interface Bell {
  ring(): void
  /** Resolves when it rings next. `stop` when nobody waits any more. */
  hear(): { readonly rung: Promise<void>; stop(): void }
}

export function createBell(): Bell {
  const listeners = new Set<() => void>()
  return {
    ring: () => {
      for (const listener of listeners) listener()
      listeners.clear()
    },
    hear: () => {
      let listener = (): void => {}
      const rung = new Promise<void>((resolve) => listener = resolve)
      listeners.add(listener)
      return { rung, stop: () => void listeners.delete(listener) }
    },
  }
}

export interface WaitOptions {
  readonly signal?: AbortSignal
  readonly bell?: Bell
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number
}

/** Waits until `at`, not a moment less; ends early when the bell rings or the signal is aborted. */
export async function waitUntil(at: number, { signal, bell, now }: WaitOptions): Promise<Woken> {
  for (;;) {
    const waitMs = at - now()
    if (waitMs <= 0) return 'due'
    if (signal?.aborted) return 'called'
    const heard = bell?.hear()
    let timer: ReturnType<typeof setTimeout> | undefined
    let give = (): void => {}
    const ended = new Promise<Woken>((resolve) => {
      timer = setTimeout(() => resolve('due'), waitMs)
      give = () => resolve('called')
      void heard?.rung.then(give)
      signal?.addEventListener('abort', give, { once: true })
    })
    const woken = await ended
    clearTimeout(timer)
    heard?.stop()
    signal?.removeEventListener('abort', give)
    if (woken === 'called') return 'called'
    // a timer may be early by a fraction of a millisecond: look again
  }
}
