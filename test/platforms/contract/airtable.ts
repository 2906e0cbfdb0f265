// The contract at Airtable: contacts, which have every type of field.

import fc from 'fast-check'
import { airtable } from '../../../src/platforms/airtable/index.ts'
import type { Subject, ValueSubject } from './subject.ts'

const settings = { base: 'appSandbox0000001' }

export const subjects: readonly Subject[] = [{
  title: 'airtable contacts',
  adapter: airtable,
  object: 'Contacts',
  settings,
  records: 'contacts',
  tokenPath: '/oauth2/v1/token',
  draft: (n) => ({ name: `Leto ${n}`, score: '1.25', tags: '["vip"]' }),
  upsertBy: 'name',
  change: { name: 'Changed', score: null, active: 'true' },
  requests: () => 1,
  bad: {
    values: { name: 'Paul', email: 'pauldune.co' },
    sqlstate: '23514',
    column: 'email',
  },
  partial: false,
  gone: { update: 'P0002', delete: 'P0002' },
  forbidden: {
    status: 403,
    body: {
      error: {
        type: 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND',
        message: 'Invalid permissions, or the requested model was not found.',
      },
    },
  },
  replays: false,
  rowsForTwoPages: 101,
}]

export const valueSubjects: readonly ValueSubject[] = [{
  adapter: airtable,
  object: 'Contacts',
  settings,
  rows: 10,
  always: (n) => ({ name: `Circle ${n}` }),
  columns: {
    email: fc.nat({ max: 99 }).map((n) => `a${n}@example.com`),
    stars: fc.integer({ min: 1, max: 5 }).map(String),
    duration: fc.nat({ max: 99_999 }).map(String),
    status: fc.constantFrom('Lead', 'Customer'),
    tags: fc.subarray(['vip', 'press', 'in, quotes'], { minLength: 1 })
      .map((list) => JSON.stringify(list)),
  },
  solid: ['name', 'active'],
  left: {
    company: 'refers to records of another table; in its own tests',
    attachments: 'Airtable fetches a file and gives it an id of its own',
  },
  precisionMs: 1,
}]
