// The contract at Salesforce: contacts, and all types of fields.

import fc from 'fast-check'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import type { Subject, ValueSubject } from './subject.ts'

const forbidden = {
  status: 403,
  body: [{
    message: 'insufficient access rights on cross-reference id',
    errorCode: 'INSUFFICIENT_ACCESS_OR_READONLY',
    fields: [],
  }],
}

const common = {
  adapter: salesforce,
  settings: {},
  tokenPath: '/services/oauth2/token',
  requests: () => 1,
  partial: false,
  gone: { update: 'P0002', delete: 'P0002' },
  forbidden,
  replays: false,
} as const

export const subjects: readonly Subject[] = [
  {
    ...common,
    title: 'salesforce contacts',
    object: 'Contact',
    records: 'contacts',
    draft: (n) => ({ last_name: `Atreides ${n}`, external_id__c: `x-${n}` }),
    upsertBy: 'external_id__c',
    change: { first_name: 'Leto', email: null },
    bad: {
      values: { last_name: 'Dune', email: 'pauldune.co' },
      sqlstate: '23514',
      column: 'email',
    },
    duplicates: Object.assign(
      [
        { last_name: 'One', external_id__c: 'same' },
        { last_name: 'Two', external_id__c: 'same' },
      ] as const,
      { sqlstate: '23505' },
    ),
    rowsForTwoPages: 2001,
  },
  {
    ...common,
    title: 'salesforce Project__c',
    object: 'Project__c',
    records: 'Project__c',
    draft: (n) => ({ name: `Project ${n}`, budget__c: '12345678901234.5' }),
    change: { name: 'Changed', budget__c: null },
    bad: { values: { contact__c: 'nobody' }, sqlstate: '23503', column: 'contact__c' },
    rowsForTwoPages: 1,
  },
]

/** Salesforce takes blanks from the ends of texts. */
const trimmed = (_column: unknown, text: string) => text.trim() === '' ? null : undefined

const values = {
  adapter: salesforce,
  settings: {},
  rows: 10,
  precisionMs: 1000,
  kept: trimmed,
} as const

const reference = 'refers to another record; in its own tests'

const salutation: fc.Arbitrary<string> = fc.constantFrom('Mr.', 'Ms.', 'Dr.')

export const valueSubjects: readonly ValueSubject[] = [
  {
    ...values,
    object: 'Contact',
    always: (n) => ({ last_name: `Circle ${n}`, external_id__c: `circle-${n}` }),
    columns: {
      salutation,
      email: fc.nat({ max: 99 }).map((n) => `a${n}@example.com`),
      favorite_color__c: fc.constantFrom('Red', 'Green', 'Blue'),
      mailing_geocode_accuracy: fc.constantFrom('Address', 'Zip'),
      other_geocode_accuracy: fc.constantFrom('Address', 'Zip'),
      interests__c: fc.subarray(['Spice', 'Sandworms', 'Politics'], { minLength: 1 })
        .map((list) => JSON.stringify(list)),
    },
    solid: ['last_name', 'external_id__c'],
    left: {
      account_id: reference,
      reports_to_id: reference,
      owner_id: reference,
    },
  },
  {
    ...values,
    object: 'Lead',
    always: (n) => ({ last_name: `Circle ${n}`, company: 'CHOAM' }),
    columns: {
      salutation,
      email: fc.nat({ max: 99 }).map((n) => `a${n}@example.com`),
      status: fc.constantFrom('Open - Not Contacted', 'Working - Contacted'),
      geocode_accuracy: fc.constantFrom('Address', 'Zip'),
      number_of_employees: fc.integer({ min: -99_999_999, max: 99_999_999 }).map(String),
    },
    solid: ['last_name', 'company', 'status'],
    left: { owner_id: reference },
  },
]
