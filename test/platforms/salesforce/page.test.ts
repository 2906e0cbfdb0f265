// Goal: pages of records and of ids begin where the one before ended, however long the records are; what is no page is a
// clear Fault.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createHttp } from '../../../src/lib/http.ts'
import { Fault } from '../../../src/mutation/fault.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import {
  type Answer,
  type Asked,
  contacts,
  type FakeOrg,
  fakeOrg,
  idAt,
  type Script,
} from './fake.ts'

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

const { follow } = salesforce

const record = (n: number) => ({
  attributes: { type: 'Contact' },
  Id: idAt(n),
  LastName: `Dune ${n}`,
  Score__c: 1.5,
  SystemModstamp: '2026-11-22T10:20:30.000+0000',
})

const many = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => record(from + i))

const whole = (records: unknown[]): Answer => ({ body: { done: true, records } })

const query = (asked: Asked | undefined) =>
  new URL(org.url + (asked?.url ?? '')).searchParams.get('q') ?? ''

const rest = '/services/data/v62.0/query/01g5e000012345AAAQ-200'

describe('page', () => {
  test('reads all columns in the order of the ids, and goes on after the last one', async () => {
    play(whole(many(1, 2000)), whole([record(2001)]))
    const first = await salesforce.page(contacts, null, org.caller())
    assert.equal(first.rows.length, 2000)
    assert.equal(first.next, idAt(2000))
    assert.deepEqual(first.rows[0], {
      id: idAt(1),
      values: {
        id: idAt(1),
        last_name: 'Dune 1',
        score__c: '1.5',
        system_modstamp: '2026-11-22T10:20:30+00:00',
      },
    })
    const second = await salesforce.page(contacts, first.next, org.caller())
    assert.equal(second.next, null)
    assert.equal(second.rows[0]?.id, idAt(2001))
    assert.match(
      query(org.asked[0]),
      /^SELECT Id,FirstName,LastName,.*SystemModstamp FROM Contact ORDER BY Id LIMIT 2000$/,
    )
    assert.match(
      query(org.asked[1]),
      new RegExp(`FROM Contact WHERE Id > '${idAt(2000)}' ORDER BY Id LIMIT 2000$`),
    )
  })

  test('an answer that comes in parts is read to its end, so that no cursor stays open', async () => {
    play(
      { body: { done: false, nextRecordsUrl: rest, records: many(1, 200) } },
      { body: { done: true, records: many(201, 100) } },
    )
    const page = await salesforce.page(contacts, null, org.caller())
    assert.deepEqual([page.rows.length, page.next], [300, null])
    assert.equal(org.asked[1]?.url, rest)
  })

  test('an answer that breaks off or does not end is a failure, not an end', async () => {
    const expired: Answer = {
      status: 400,
      body: [{ errorCode: 'INVALID_QUERY_LOCATOR', message: 'invalid query locator' }],
    }
    const part: Answer = { body: { done: false, nextRecordsUrl: rest, records: [record(1)] } }
    for (const answers of [[part, expired], [part]]) {
      play(...answers)
      const fault = await faultOf(salesforce.page(contacts, null, org.caller()))
      assert.equal(fault.code, 'platform_failed')
    }
    assert.ok(org.asked.length <= 50, String(org.asked.length))
  })

  test('a page that begins again with its cursor is a failure, not an endless list', async () => {
    play(whole([record(7)]))
    const fault = await faultOf(salesforce.page(contacts, idAt(7), org.caller()))
    assert.equal(fault.code, 'platform_failed')
  })

  test('a cursor that is no id is refused unsent', async () => {
    play({ body: {} })
    const cursors = ['https://evil.example/', "003' OR Id != '", '/services/data/v62.0/limits', '']
    for (const cursor of [...cursors, rest, `${idAt(1)}++`, `+${idAt(1)}`]) {
      const fault = await faultOf(salesforce.page(contacts, cursor, org.caller()))
      assert.equal(fault.code, 'bad_request', cursor)
      assert.match(fault.data.hint ?? '', /first page/)
    }
    assert.equal(org.asked.length, 0)
  })

  test('a page of another shape is a failure, never an empty page', async () => {
    const bodies = [
      {},
      [],
      { done: true },
      { done: false, records: [] },
      {
        done: false,
        records: [],
        nextRecordsUrl: 'https://evil.example/services/data/v1.0/query/x',
      },
      { done: true, records: [{ LastName: 'no id' }] },
      { done: true, records: [{ ...record(1), Id: 'no id' }] },
      { done: true, records: [null] },
    ]
    for (const body of bodies) {
      play({ body })
      const fault = await faultOf(salesforce.page(contacts, null, org.caller()))
      assert.equal(fault.code, 'platform_failed', JSON.stringify(body))
    }
  })
})

/** Answers a read by ids with what it asks for; those of `gone` are not there. */
function readBack(gone: ReadonlySet<string> = new Set()): Script {
  return ({ body }) => {
    const { ids } = JSON.parse(body) as { ids: string[] }
    const text = 'x'.repeat(100)
    return { body: ids.map((Id) => gone.has(Id) ? null : { Id, LastName: text }) }
  }
}

describe('records too long for one query', () => {
  const [id] = contacts.columns
  assert.ok(id)
  const columns = Array.from({ length: 500 }, (_, i) => ({
    ...id,
    field: i === 0 ? 'Id' : `A_field_with_a_rather_long_name_${i}__c`,
  }))
  const wide = { ...contacts, columns }

  test('more columns than fit into a query are read by the ids of the page', async () => {
    play(whole(many(1, 3)), readBack(new Set([idAt(2)])))
    const page = await salesforce.page(wide, null, org.caller())
    assert.deepEqual(page.rows.map((row) => row.id), [idAt(1), idAt(3)])
    assert.equal(page.next, null)
    assert.match(query(org.asked[0]), /^SELECT Id FROM Contact/)
    assert.equal(org.asked[1]?.url, '/services/data/v62.0/composite/sobjects/Contact')
    const { ids, fields } = JSON.parse(org.asked[1]?.body ?? '') as Record<string, string[]>
    assert.deepEqual([ids?.length, fields?.length], [3, 500])
  })

  test('an answer longer than is read is asked for in parts, and the next pages at once', async () => {
    const http = createHttp({ bytesMax: 120_000 })
    const caller = org.caller({ http })
    const long = many(1, 2000).map((one) => ({ ...one, LastName: 'x'.repeat(100) }))
    const bare = many(1, 2000).map(({ Id }) => ({ Id }))
    play(whole(long), whole(bare), readBack())
    const page = await salesforce.page(contacts, null, caller)
    assert.deepEqual(page.rows.map((row) => row.id), bare.map(({ Id }) => Id))
    assert.equal(page.next, `${idAt(2000)}+`)
    const sizes = org.asked.slice(2).map(({ body }) =>
      (JSON.parse(body) as { ids: string[] }).ids.length
    )
    assert.deepEqual(sizes, [2000, 500, 500, 500, 500])
    play(whole([{ Id: idAt(2001) }]), readBack())
    const next = await salesforce.page(contacts, page.next, caller)
    assert.deepEqual([next.rows.length, next.next], [1, null])
    assert.match(query(org.asked[0]), /^SELECT Id FROM Contact WHERE Id > /)
    await http.close()
  })

  test('a failure of another sort is not asked about in parts', async () => {
    play(whole(many(1, 3)), { status: 503, body: '<html>' })
    const fault = await faultOf(salesforce.page(wide, null, org.caller()))
    assert.equal(fault.code, 'platform_failed')
    assert.equal(org.asked.length, 2)
  })
})

describe('ids', () => {
  test('come page by page, without anything else', async () => {
    play(whole(many(1, 2000).map(({ Id }) => ({ Id }))), whole([]))
    const first = await follow?.ids?.(contacts, null, org.caller())
    assert.deepEqual([first?.ids.length, first?.next], [2000, idAt(2000)])
    const second = await follow?.ids?.(contacts, idAt(2000), org.caller())
    assert.deepEqual(second, { ids: [], next: null })
    assert.equal(query(org.asked[0]), 'SELECT Id FROM Contact ORDER BY Id LIMIT 2000')
  })
})
