// Goal: an answer that never comes does not keep a session. Method: a link that only knows how to be destroyed.

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { ConnectionLost } from '../../src/engine/conduit.ts'
import { answered } from '../../src/session/bounded.ts'

function silentLink() {
  let fail: (error: Error) => void = () => {}
  const work = new Promise<never>((_, reject) => fail = reject)
  const link = { destroyed: 0, destroy: () => {} }
  link.destroy = () => {
    link.destroyed += 1
    fail(new ConnectionLost('the database connection was lost'))
  }
  return { link, work }
}

test('when the time is up the link is destroyed and the wait fails', async () => {
  const { link, work } = silentLink()
  await assert.rejects(answered(link, work, 10), ConnectionLost)
  assert.equal(link.destroyed, 1)
})

test('an answer, or an error, in time leaves the link alone', async () => {
  const { link } = silentLink()
  mock.timers.enable({ apis: ['setTimeout'] })
  assert.equal(await answered(link, Promise.resolve(7), 10), 7)
  await assert.rejects(answered(link, Promise.reject(new Error('refused')), 10), /refused/)
  mock.timers.tick(20) // past the time: nothing must be left running
  mock.timers.reset()
  assert.equal(link.destroyed, 0)
})
