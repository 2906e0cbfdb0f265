// Goal: all five adapters keep one contract. Method: the same cases over all of them against the sandboxes, with a proxy
// that spoils answers; what was said is then held against the platforms' official descriptions.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { operations } from '../../src/mutation/table.ts'
import * as airtable from './contract/airtable.ts'
import { describes, refusals, requestsPer100Rows, unsent, writes } from './contract/cases.ts'
import { conforms } from './contract/conformance.ts'
import * as github from './contract/github.ts'
import * as hubspot from './contract/hubspot.ts'
import { inquiries } from './contract/inquiries.ts'
import { mishaps, tokens } from './contract/mishaps.ts'
import * as salesforce from './contract/salesforce.ts'
import { type Stage, startStage } from './contract/stage.ts'
import * as stripe from './contract/stripe.ts'
import { upserts } from './contract/upserts.ts'
import { circles } from './contract/values.ts'

let current: Stage | undefined
const stage = (): Stage => {
  if (current === undefined) throw new Error('The stage is not there yet')
  return current
}

before(async () => current = await startStage())
after(async () => await current?.close())
beforeEach(async () => await stage().reset())

const platforms = [salesforce, hubspot, stripe, airtable, github]

for (const subject of platforms.flatMap(({ subjects }) => subjects)) {
  describe(subject.title, () => {
    describes(stage, subject)
    writes(stage, subject)
    refusals(stage, subject)
    unsent(stage, subject)
    mishaps(stage, subject)
    inquiries(stage, subject)
    tokens(stage, subject)
    upserts(stage, subject)
  })
}

describe('values around the circle', () => {
  for (const subject of platforms.flatMap(({ valueSubjects }) => valueSubjects)) {
    circles(stage, subject)
  }
})

/** Write requests for an insert, an update and a delete of 100 rows, in statements of the platform's limit. */
const per100Rows: Readonly<Record<string, readonly number[]>> = {
  'salesforce contacts': [1, 1, 1],
  'salesforce Project__c': [1, 1, 1],
  'hubspot contacts': [100, 1, 1],
  'hubspot contacts, batchInsert': [1, 1, 1],
  'hubspot cars, a custom object': [1, 1, 1],
  'stripe customers': [100, 100, 100],
  'stripe coupons': [100, 100, 100],
  'airtable contacts': [10, 10, 10],
  'github issues': [10, 10, 10],
  'github milestones': [100, 100, 100],
}

test('write requests per 100 rows are as promised', async (context) => {
  for (const subject of platforms.flatMap(({ subjects }) => subjects)) {
    const counts = await Promise.all(
      operations.map((operation) => requestsPer100Rows(stage(), subject, operation)),
    )
    context.diagnostic(
      `${subject.title}: insert ${counts[0]}, update ${counts[1]}, delete ${counts[2]}`,
    )
    assert.deepEqual(counts, per100Rows[subject.title], subject.title)
  }
})

describe('what was said', () => {
  conforms(stage)
})
