// A stage for all tests of a `describe`, as each finds it: no session open, no row, nothing sent.

import { after, afterEach, before, beforeEach } from 'node:test'
import { acceptAll, createStage, type RawClient, rawClient, type Stage } from './stage.ts'

export interface StageHooks {
  /** Gets the stage once it is there. */
  readonly use: (stage: Stage) => void
}

/** Registers the hooks; gives what connects a raw client, which is closed after its test. */
export function stageHooks({ use }: StageHooks): () => Promise<RawClient> {
  let stage: Stage
  const clients: RawClient[] = []
  before(async () => {
    stage = await createStage()
    use(stage)
  })
  after(() => stage.close())
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy()
  })
  beforeEach(async () => {
    await until(() => stage.listener.sessions === 0)
    stage.sent.length = 0
    stage.applied.length = 0
    stage.carry = acceptAll()
    stage.cancel = () => {}
    await stage.empty()
  })
  return async () => {
    const client = await rawClient(stage.through())
    clients.push(client)
    return client
  }
}

const untilWaitMs = 60_000

/** Waits for the condition, looking as often as the event loop allows. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + untilWaitMs
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`It did not come about in ${untilWaitMs} ms`)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
