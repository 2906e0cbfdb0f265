// The contract at HubSpot: contacts row by row and in batches, a custom object, and all types of properties.

import fc from 'fast-check'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import type { Subject, ValueSubject } from './subject.ts'

const forbidden = {
  status: 403,
  body: {
    status: 'error',
    message: "This app hasn't been granted all required scopes to make this call.",
    correlationId: '00000000-0000-4000-8000-000000000001',
    category: 'MISSING_SCOPES',
    errors: [{
      message: 'One or more of the following scopes are required.',
      context: { requiredGranularScopes: ['crm.objects.contacts.write'] },
    }],
  },
}

const common = {
  adapter: hubspot,
  tokenPath: '/oauth/v3/token',
  requests: () => 1,
  // a batch archive passes over ids that it does not know
  gone: { update: 'P0002', delete: null },
  forbidden,
  replays: false,
} as const

const contacts = {
  ...common,
  object: 'contacts',
  records: 'contacts',
  draft: (n: number) => ({ email: `leto${n}@example.com`, firstname: `Leto ${n}` }),
  upsertBy: 'email',
  change: { firstname: 'Changed', lastname: null },
  bad: { values: { email: 'pauldune.co' }, sqlstate: '23514', column: 'email' },
  duplicates: [{ email: 'same@example.com' }, { email: 'Same@example.com' }],
} as const

export const subjects: readonly Subject[] = [
  {
    ...contacts,
    title: 'hubspot contacts',
    settings: {},
    partial: false,
    rowsForTwoPages: 1,
  },
  {
    ...contacts,
    title: 'hubspot contacts, batchInsert',
    settings: { batchInsert: true },
    partial: true,
    rowsForTwoPages: 101,
  },
  {
    ...common,
    title: 'hubspot cars, a custom object',
    settings: { batchInsert: true },
    partial: true,
    object: 'cars',
    records: 'cars',
    draft: (n) => ({ model: `Model ${n}`, vin: `VIN-${n}`, price: '12345678901234567890.5' }),
    upsertBy: 'vin',
    change: { price: null, features: '["sunroof"]' },
    bad: { values: { model: 'T', mileage: '1', features: '["wings"]' }, sqlstate: '23514' },
    duplicates: [{ model: 'A', vin: 'same' }, { model: 'B', vin: 'same' }],
    rowsForTwoPages: 101,
  },
]

const values = {
  adapter: hubspot,
  settings: { batchInsert: true },
  rows: 10,
  precisionMs: 1,
} as const

const ids = 'chosen by HubSpot among ids of its own'

export const valueSubjects: readonly ValueSubject[] = [
  {
    ...values,
    object: 'contacts',
    always: (n) => ({ email: `circle${n}@example.com` }),
    columns: {
      lifecyclestage: fc.constantFrom('lead', 'customer'),
      hs_lead_status: fc.constantFrom('NEW', 'OPEN'),
      hs_buying_role: fc.subarray(['BLOCKER', 'CHAMPION', 'OTHER'], { minLength: 1 })
        .map((list) => JSON.stringify(list)),
    },
    solid: ['email'],
    left: { hubspot_owner_id: ids },
  },
  {
    ...values,
    object: 'p_cars',
    always: (n) => ({ model: `Circle ${n}`, vin: `C-${n}` }),
    columns: {
      condition: fc.constantFrom('new', 'used'),
      features: fc.subarray(['airbags', 'sunroof'], { minLength: 1 })
        .map((list) => JSON.stringify(list)),
    },
    solid: ['model', 'vin'],
    left: {},
  },
]
