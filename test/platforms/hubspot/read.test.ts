// Goal: tables from property definitions and schemas, and all records of a table, page by page.
// Method: the adapter over real sockets against a server that answers what the test says.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fault, type FaultCode } from '../../../src/mutation/fault.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import {
  type Answer,
  apiError,
  batch,
  contacts,
  type FakePortal,
  fakePortal,
  idAt,
  record,
} from './fake.ts'

let portal: FakePortal
before(async () => {
  portal = await fakePortal()
})
after(async () => await portal.close())

const answer = (given: Answer) => () => given

async function faultOf(promise: Promise<unknown>, code: FaultCode): Promise<Fault> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    assert.equal(error.code, code, JSON.stringify(error.data))
    return error
  }
  throw new Error('no fault')
}

function property(name: string, type: string, more: object = {}) {
  const metadata = { archivable: true, readOnlyDefinition: true, readOnlyValue: false }
  return {
    name,
    type,
    fieldType: 'text',
    label: name,
    groupName: 'info',
    description: '',
    options: [],
    calculated: false,
    modificationMetadata: metadata,
    ...more,
  }
}

const readOnlyValue = { modificationMetadata: { readOnlyValue: true } }

describe('describe', () => {
  test('a column for every property, with its type and what may be written', async () => {
    const results = [
      property('email', 'string'),
      property('phone', 'phone_number'),
      property('score', 'number'),
      property('birthday', 'date'),
      property('met_at', 'datetime'),
      property('newsletter', 'bool'),
      property('topics', 'enumeration', { fieldType: 'checkbox' }),
      property('stage', 'enumeration', { fieldType: 'select' }),
      property('num_notes', 'number', readOnlyValue),
      property('total', 'number', { calculated: true }),
      property('blob', 'json'),
      property('other', 'something_new'),
      property('created_at', 'datetime'),
      property('old', 'string', { archived: true }),
    ]
    portal.play(answer({ body: { results } }))
    const [shape] = await hubspot.describe(['contacts'], portal.caller())
    assert.deepEqual(portal.asked.map(({ method, url }) => `${method} ${url}`), [
      'GET /crm/v3/properties/contacts',
    ])
    assert.equal(shape?.name, 'contacts')
    assert.equal(shape?.object, 'contacts')
    assert.equal(shape?.rowsMax, undefined)
    assert.deepEqual(
      shape?.columns.map(({ name, field, type, insertable, updatable }) =>
        `${name} ${field} ${type} ${insertable} ${updatable}`
      ),
      [
        'id id text false false',
        'email email text true true',
        'phone phone text true true',
        'score score numeric true true',
        'birthday birthday date true true',
        'met_at met_at timestamptz true true',
        'newsletter newsletter boolean true true',
        'topics topics text[] true true',
        'stage stage text true true',
        'num_notes num_notes numeric false false',
        'total total numeric false false',
        'blob blob jsonb false false',
        'other other text true true',
        'created_at_2 created_at timestamptz true true',
        'created_at createdAt timestamptz false false',
        'updated_at updatedAt timestamptz false false',
      ],
    )
  })

  test('required properties of standard objects are marked', async () => {
    portal.play(answer({
      body: { results: [property('dealname', 'string'), property('amount', 'number')] },
    }))
    const [shape] = await hubspot.describe(['deals'], portal.caller())
    const required = shape?.columns.filter((column) => column.required).map(({ name }) => name)
    assert.deepEqual(required, ['dealname'])
  })

  test('the setting batchInsert allows 100 rows', async () => {
    portal.play(answer({ body: { results: [property('email', 'string')] } }))
    const caller = portal.caller({ settings: { batchInsert: true } })
    const [shape] = await hubspot.describe(['contacts'], caller)
    assert.deepEqual(shape?.rowsMax, { insert: 100 })
  })

  const schema = {
    id: '123456',
    name: 'ServiceVisit',
    objectTypeId: '2-123456',
    fullyQualifiedName: 'p45_ServiceVisit',
    requiredProperties: ['vin'],
    labels: { singular: 'Visit', plural: 'Visits' },
    properties: [],
    associations: [],
  }

  for (const object of ['ServiceVisit', '2-123456', 'p45_ServiceVisit', 'p_ServiceVisit']) {
    test(`a custom object named ${object}`, async () => {
      portal.play(
        answer({ body: { results: [schema] } }),
        answer({ body: { results: [property('vin', 'string')] } }),
      )
      const [shape] = await hubspot.describe([object], portal.caller())
      assert.equal(shape?.object, object)
      assert.equal(shape?.name, 'service_visit')
      assert.equal(shape?.columns.find(({ name }) => name === 'vin')?.required, true)
      const type = object === 'ServiceVisit' ? 'p_ServiceVisit' : object
      assert.deepEqual(portal.asked.map(({ url }) => url), [
        '/crm-object-schemas/v3/schemas',
        `/crm/v3/properties/${type}`,
      ])
    })
  }

  test('an object that the account does not have is not found', async () => {
    portal.play(answer({ body: { results: [schema] } }))
    const found = await faultOf(hubspot.describe(['boats'], portal.caller()), 'not_found')
    assert.match(found.data.detail ?? '', /no object "boats"/)
    assert.match(found.data.hint ?? '', /contacts, companies/)
  })

  test('an object that cannot be inferred is not found', async () => {
    const body = { status: 'error', message: 'Unable to infer object type from: deals' }
    portal.play(answer({ status: 400, body }))
    const found = await faultOf(hubspot.describe(['deals'], portal.caller()), 'not_found')
    assert.match(found.data.detail ?? '', /no object "deals"/)
  })

  const failures: [string, Answer, FaultCode][] = [
    ['a missing scope', {
      status: 403,
      body: apiError('MISSING_SCOPES', 'Scopes are required.', {
        context: { requiredGranularScopes: ['crm.schemas.contacts.read'] },
      }),
    }, 'not_permitted'],
    ['a limit', { status: 429, body: '{}' }, 'rate_limited'],
    ['a failure', { status: 500, body: '' }, 'platform_failed'],
    ['a page in HTML', { body: '<html>' }, 'platform_failed'],
    ['a redirect', { status: 302, headers: { location: '/x' } }, 'platform_failed'],
    ['no list', { body: '{"results":{}}' }, 'platform_failed'],
    ['an empty list', { body: '{"results":[]}' }, 'platform_failed'],
    ['what is no property', { body: '{"results":[{"label":"x"}]}' }, 'platform_failed'],
  ]
  for (const [what, given, code] of failures) {
    test(`${what} is ${code}`, async () => {
      portal.play(answer(given))
      await faultOf(hubspot.describe(['contacts'], portal.caller()), code)
    })
  }

  test('settings that are not valid are told', async () => {
    const caller = portal.caller({ settings: { tier: 'gold' } })
    await faultOf(hubspot.describe(['contacts'], caller), 'bad_request')
  })
})

describe('page', () => {
  const next = (after: string) => ({ paging: { next: { after, link: 'https://example.com' } } })

  test('all pages, with every property of the table', async () => {
    portal.play(
      answer({
        body: { results: [record(1, { email: 'a@x.org', score: null })], ...next('NTI1') },
      }),
      answer({ body: { results: [record(2, { topics: 'a;b' })] } }),
    )
    const first = await hubspot.page(contacts, null, portal.caller())
    assert.equal(first.next, 'NTI1')
    assert.deepEqual(first.rows, [{
      id: idAt(1),
      values: {
        id: idAt(1),
        email: 'a@x.org',
        score: null,
        created_at: '2026-11-03T23:36:13.632+00:00',
        updated_at: '2026-11-04T20:29:54.1+00:00',
      },
    }])
    const last = await hubspot.page(contacts, first.next, portal.caller())
    assert.equal(last.next, null)
    assert.equal(last.rows[0]?.values['topics'], '["a","b"]')
    const [one, two] = portal.asked.map(({ url }) => new URL(url, 'http://x').searchParams)
    assert.equal(one?.get('limit'), '100')
    assert.equal(one?.get('after'), null)
    assert.ok(one?.getAll('properties').includes('topics'))
    assert.equal(one?.getAll('properties').includes('createdAt'), false)
    assert.equal(two?.get('after'), 'NTI1')
  })

  test('more properties than a URL takes are read by the ids of the list', async () => {
    const wide: SyncedTable = {
      ...contacts,
      columns: contacts.columns.concat(
        Array.from({ length: 300 }, (_, i) => ({
          name: `a_property_with_a_long_name_${i}`,
          field: `a_property_with_a_long_name_${i}`,
          type: 'text',
          insertable: true,
          updatable: true,
          required: false,
        })),
      ),
    }
    portal.play(
      answer({ body: { results: [record(1, {}), record(2, {}), record(3, {})], ...next('4') } }),
      answer({
        status: 207,
        body: batch([record(3, { email: 'c@x.org' }), record(1, { email: 'a@x.org' })], [{}]),
      }),
    )
    const { rows, next: cursor } = await hubspot.page(wide, null, portal.caller())
    assert.deepEqual(rows.map(({ id, values }) => [id, values['email']]), [
      [idAt(1), 'a@x.org'],
      [idAt(3), 'c@x.org'],
    ])
    assert.equal(cursor, '4')
    const [list, read] = portal.asked
    assert.equal(list?.url, '/crm/v3/objects/contacts?limit=100')
    assert.equal(read?.url, '/crm/v3/objects/contacts/batch/read')
    const body = JSON.parse(read?.body ?? '') as { properties: string[]; inputs: unknown[] }
    assert.equal(body.properties.length, 312)
    assert.equal(body.inputs.length, 3)
  })

  test('a cursor that is none is refused before anything is sent', async () => {
    portal.play(answer({ status: 500 }))
    for (const cursor of ['', 'a b', '../x?y', 'x'.repeat(501), 'a&b=c']) {
      await faultOf(hubspot.page(contacts, cursor, portal.caller()), 'bad_request')
    }
    assert.equal(portal.asked.length, 0)
  })

  const failures: [string, Answer, FaultCode][] = [
    [
      'a refused token',
      { status: 401, body: apiError('INVALID_AUTHENTICATION', 'x') },
      'credential_refused',
    ],
    ['a limit', { status: 429, body: '{}' }, 'rate_limited'],
    ['a failure', { status: 503, body: '' }, 'platform_failed'],
    ['no page', { body: '{"ok":true}' }, 'platform_failed'],
    ['a record without id', { body: '{"results":[{"properties":{}}]}' }, 'platform_failed'],
    [
      'a next page without cursor',
      { body: '{"results":[],"paging":{"next":{}}}' },
      'platform_failed',
    ],
  ]
  for (const [what, given, code] of failures) {
    test(`${what} is ${code}`, async () => {
      portal.play(answer(given))
      const found = await faultOf(hubspot.page(contacts, null, portal.caller()), code)
      assert.equal(found.data.table, 'contacts')
    })
  }

  test('a server that is not there is unreachable', async () => {
    const caller = portal.caller({ baseUrl: 'http://127.0.0.1:1' })
    await faultOf(hubspot.page(contacts, null, caller), 'unreachable')
  })

  test('a token that expires is replaced once', async () => {
    portal.play(
      answer({ status: 401, body: apiError('EXPIRED_AUTHENTICATION', 'x') }),
      answer({ body: { results: [] } }),
    )
    assert.deepEqual(await hubspot.page(contacts, null, portal.caller()), { rows: [], next: null })
    assert.equal(portal.asked[1]?.headers['authorization'], 'Bearer second')
  })
})
