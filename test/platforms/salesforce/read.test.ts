// Goal: describing and refreshing give what the documents say, and a clear Fault for everything else.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { Fault } from '../../../src/mutation/fault.ts'
import type { RefreshGrant } from '../../../src/platforms/platform.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import { type Answer, type FakeOrg, fakeOrg, type Script } from './fake.ts'

let org: FakeOrg

before(async () => {
  org = await fakeOrg()
})
after(() => org.close())

function play(...answers: (Answer | Script)[]): void {
  org.play(...answers.map((answer) => typeof answer === 'function' ? answer : () => answer))
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof Fault, `not a Fault: ${String(error)}`)
    return error
  }
  throw new Error('no fault')
}

const drop: Script = (_asked, response) => {
  response.socket?.destroy()
  return undefined
}

function field(name: string, type: string, more: Record<string, unknown> = {}) {
  const flags = { createable: true, updateable: true, nillable: true, defaultedOnCreate: false }
  return { name, type, precision: 0, scale: 0, calculated: false, ...flags, ...more }
}

const fixed = { createable: false, updateable: false, nillable: false }

const contactDescribe = {
  name: 'Contact',
  fields: [
    field('LastName', 'string', { nillable: false }),
    field('Id', 'id', { ...fixed, defaultedOnCreate: true }),
    field('IsDeleted', 'boolean', { ...fixed, defaultedOnCreate: true }),
    field('AccountId', 'reference', { updateable: false }),
    field('DoNotCall', 'boolean', { nillable: false }),
    field('OwnerId', 'reference', { nillable: false, defaultedOnCreate: true }),
    field('MailingAddress', 'address', fixed),
    field('Photo', 'base64'),
    field('Secret', 'string', { deprecatedAndHidden: true }),
    field('NumberOfEmployees', 'int'),
    field('Visits__c', 'long'),
    field('Score__c', 'double', { precision: 18, scale: 3 }),
    field('Total__c', 'currency', { ...fixed, precision: 18, scale: 2, calculated: true }),
    field('Topics__c', 'multipicklist'),
    field('Birthdate', 'date'),
    field('Opens__c', 'time'),
    field('SystemModstamp', 'datetime', fixed),
    field('Anything__c', 'a type of tomorrow'),
  ],
}

describe('describe', () => {
  test('gives a table with its columns, id first', async () => {
    play({ body: contactDescribe })
    const [shape] = await salesforce.describe(['Contact'], org.caller())
    assert.equal(org.asked[0]?.url, '/services/data/v62.0/sobjects/Contact/describe')
    assert.equal(shape?.name, 'contacts')
    assert.equal(shape?.object, 'Contact')
    const lines = shape?.columns.map(({ name, type, insertable, updatable, required }) =>
      `${name} ${type}${insertable ? ' i' : ''}${updatable ? ' u' : ''}${required ? ' r' : ''}`
    )
    assert.deepEqual(lines, [
      'id varchar(18)',
      'last_name text i u r',
      'is_deleted boolean',
      'account_id varchar(18) i',
      'do_not_call boolean i u',
      'owner_id varchar(18) i u',
      'mailing_address jsonb',
      'number_of_employees integer i u',
      'visits__c bigint i u',
      'score__c numeric(18,3) i u',
      'total__c numeric',
      'topics__c text[] i u',
      'birthdate date i u',
      'opens__c time i u',
      'system_modstamp timestamptz',
      'anything__c jsonb',
    ])
    assert.equal(shape?.columns[1]?.field, 'LastName')
  })

  test('describes several objects in their order', async () => {
    const other = { name: 'Project__c', fields: [field('Id', 'id', fixed)] }
    play({ body: other }, { body: contactDescribe })
    const shapes = await salesforce.describe(['Project__c', 'Contact'], org.caller())
    assert.deepEqual(shapes.map(({ name }) => name), ['project__c', 'contacts'])
  })

  const missing: Answer = {
    status: 404,
    body: [{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }],
  }
  const faults: [string, Answer | Script, string][] = [
    ['an object that is not there', missing, 'not_found'],
    [
      'a description of another object',
      { body: { ...contactDescribe, name: 'Lead' } },
      'platform_failed',
    ],
    ['a description without Id', { body: { name: 'Contact', fields: [] } }, 'platform_failed'],
    ['a field without a type', {
      body: { name: 'Contact', fields: [field('Id', 'id'), { name: 'X' }] },
    }, 'platform_failed'],
    ['HTML', { body: '<html>' }, 'platform_failed'],
    ['a redirect', { status: 302, body: '' }, 'platform_failed'],
    ['a server error', { status: 500, body: 'x' }, 'platform_failed'],
    ['a lost connection', drop, 'platform_failed'],
    ['a refused credential', {
      status: 401,
      body: [{ errorCode: 'INVALID_SESSION_ID', message: 'Session expired or invalid' }],
    }, 'credential_refused'],
    ['a name in another case', { body: { ...contactDescribe, name: 'CONTACT' } }, 'not_found'],
  ]
  for (const [name, answer, code] of faults) {
    test(`${name} is a Fault: ${code}`, async () => {
      play(answer)
      const fault = await faultOf(salesforce.describe(['Contact'], org.caller()))
      assert.equal(fault.code, code)
      assert.equal(fault.data.platform, 'salesforce')
    })
  }

  test('custom objects whose records can be listed are named, sorted, and nothing else', async () => {
    const object = (name: string, more: Record<string, unknown> = {}) => ({
      name,
      queryable: true,
      custom: name.includes('__'),
      customSetting: false,
      deprecatedAndHidden: false,
      ...more,
    })
    play({
      body: {
        sobjects: [
          object('Visit__c'),
          object('Account'),
          object('ns__Asset__c'),
          object('Setting__c', { customSetting: true }),
          object('Old__c', { deprecatedAndHidden: true }),
          object('Write__c', { queryable: false }),
          object('Kind__mdt'),
          object('Told__e'),
          'none',
        ],
      },
    })
    assert.deepEqual(await salesforce.custom?.(org.caller()), ['Visit__c', 'ns__Asset__c'])
    assert.deepEqual(org.asked.map(({ url }) => url), ['/services/data/v62.0/sobjects'])
    play({ body: {} })
    const told = await faultOf(Promise.resolve(salesforce.custom?.(org.caller())))
    assert.equal(told.code, 'platform_failed')
  })

  test('a name that is none is not put into a path', async () => {
    play({ body: contactDescribe })
    const fault = await faultOf(salesforce.describe(['../limits'], org.caller()))
    assert.equal(fault.code, 'not_found')
    assert.equal(org.asked.length, 0)
  })
})

describe('refresh', () => {
  const grant = (more: Partial<RefreshGrant> = {}): RefreshGrant => ({
    http: org.caller().http,
    deadline: deadlineIn(60_000),
    tokenUrl: `${org.url}/services/oauth2/token`,
    refreshToken: 'r&1',
    clientId: 'client',
    ...more,
  })
  const token = { access_token: 'new', token_type: 'Bearer', issued_at: '1', scope: 'api' }

  test('posts a form and gives the new tokens', async () => {
    play({ body: { ...token, refresh_token: 'r2', instance_url: 'https://x.my.salesforce.com/' } })
    const tokens = await salesforce.refresh(grant({ clientSecret: 's' }))
    assert.deepEqual(tokens, {
      accessToken: 'new',
      refreshToken: 'r2',
      baseUrl: 'https://x.my.salesforce.com',
    })
    const [asked] = org.asked
    assert.equal(asked?.method, 'POST')
    assert.equal(asked?.headers['content-type'], 'application/x-www-form-urlencoded')
    assert.equal(
      asked?.body,
      'grant_type=refresh_token&refresh_token=r%261&client_id=client&client_secret=s',
    )
  })

  test('leaves out what is not there', async () => {
    play({ body: token })
    assert.deepEqual(await salesforce.refresh(grant()), { accessToken: 'new' })
    assert.doesNotMatch(org.asked[0]?.body ?? '', /client_secret/)
  })

  const revoked: Answer = {
    status: 400,
    body: { error: 'invalid_grant', error_description: 'expired access/refresh token' },
  }
  const faults: [string, Answer | Script, string][] = [
    ['a revoked grant', revoked, 'credential_refused'],
    ['a wrong password', {
      status: 400,
      body: { error: 'invalid_grant', error_description: 'authentication failure' },
    }, 'credential_refused'],
    ['a wrong client', { status: 400, body: { error: 'invalid_client_id' } }, 'credential_refused'],
    ['401', { status: 401, body: '' }, 'credential_refused'],
    ['429', { status: 429, body: '' }, 'rate_limited'],
    ['503', { status: 503, body: '<html>' }, 'platform_failed'],
    ['a redirect', { status: 302, body: '' }, 'platform_failed'],
    ['an answer without a token', { body: {} }, 'platform_failed'],
    ['HTML', { body: '<html>' }, 'platform_failed'],
    ['a lost reply', drop, 'platform_failed'],
  ]
  for (const [name, answer, code] of faults) {
    test(`${name} is a Fault: ${code}, after one request`, async () => {
      play(answer)
      const fault = await faultOf(salesforce.refresh(grant()))
      assert.equal(fault.code, code)
      assert.equal(org.asked.length, 1)
      assert.doesNotMatch(JSON.stringify(fault.data), /r&1|r%261/)
      if (answer === revoked) assert.equal(fault.data.hint, 'Connect the account again.')
    })
  }

  test('an endpoint that cannot be reached', async () => {
    const gone = await fakeOrg()
    await gone.close()
    const fault = await faultOf(salesforce.refresh(grant({ tokenUrl: `${gone.url}/token` })))
    assert.equal(fault.code, 'unreachable')
  })
})
