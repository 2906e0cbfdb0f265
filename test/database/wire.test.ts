// Goal: the control statements work as the engine sends them: text parameters of no stated type, pipelined, errors and
// notices as they come. Method: the driver `pg` as a second witness, over one connection.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import {
  closeSql,
  encodeIds,
  encodeTicketRows,
  lockSql,
  openSql,
  parsePlanDetail,
  plannedSql,
  planReportState,
  planSeal,
  ticketMac,
} from '../../src/database/index.ts'
import { required } from '../../src/lib/assert.ts'
import { quoteName } from '../../src/lib/quote.ts'
import {
  contacts,
  type Fixture,
  makeFixture,
  mutationId,
  seed,
  type Started,
  startServer,
  ticketKey,
} from './fixture.ts'

let server: Started | undefined
let fixture: Fixture | undefined
let client: pg.Client | undefined

before(async () => {
  server = await startServer({ name: 'embedded', binDir: undefined })
  fixture = await makeFixture(server)
  client = new pg.Client(fixture.url.replace('postgres:postgres@', `${fixture.role}:client@`))
  await client.connect()
})

after(async () => {
  await client?.end()
  await fixture?.end()
  await server?.stop()
})

test('one mutation from plan to commit through the raw statements', async () => {
  const connection = required(client, 'client')
  const { owner } = required(fixture, 'fixture')
  await seed(owner, contacts, `('003A', 'a@a.co', 10.00, 'Ada'), ('003B', 'b@a.co', 20.00, 'Bob')`)
  const target = quoteName(contacts.schema, contacts.name)
  const notices: { severity: string; code: string; detail: string }[] = []
  connection.on('notice', (notice) => notices.push(notice as unknown as typeof notices[number]))
  const pid = Number((await connection.query('select pg_backend_pid() as pid')).rows[0]?.pid)
  const open = (mode: 'lock' | 'plan' | 'apply', rows: string | null) =>
    connection.query(openSql, [
      mode,
      mutationId,
      ticketMac(ticketKey, { mode, mutationId, pid }),
      '200',
      rows,
    ])
  const text =
    'update salesforce.contacts set amount = amount + $1 where email <> $2 returning id, amount'

  // all of these are written before the first answer is read
  const [, , , , , planned] = await Promise.all([
    connection.query('begin isolation level repeatable read'),
    open('lock', null),
    connection.query('savepoint plan'),
    open('plan', null),
    connection.query(text, ['1.50', '']),
    connection.query(plannedSql),
    connection.query('rollback to savepoint plan'),
  ])
  assert.equal(planned.rows[0].planned, 2)
  assert.deepEqual(notices.map(({ severity, code }) => [severity, code]), [
    ['INFO', planReportState],
  ])
  const reports = notices.flatMap(({ detail }) => parsePlanDetail(detail))
  const seal = planSeal(ticketKey, { mutationId, pid })
  assert.ok(reports.every((report) => report.seal === seal))
  assert.deepEqual(reports.map(({ id, row }) => [id, row['amount']]), [
    ['003A', '11.50'],
    ['003B', '21.50'],
  ])

  const ids = reports.map(({ id }) => id ?? '')
  const locked = await connection.query(lockSql, [target, encodeIds(ids), mutationId])
  assert.equal(locked.rows[0].lock, 2)

  const rows = reports.map(({ id, ordinal, row }) => ({
    ordinal,
    id: id ?? '',
    values: { ...row, amount: `${row['amount']}01` },
  }))
  const [, applied, closed] = await Promise.all([
    open('apply', encodeTicketRows(contacts, 'update', rows)),
    connection.query(text, ['1.50', '']),
    connection.query(closeSql, [mutationId, contacts.syncId, target, 'update', '2']),
    connection.query('commit'),
  ])
  assert.equal(applied.command, 'UPDATE')
  assert.deepEqual(applied.rows, [{ id: '003A', amount: '11.5001' }, {
    id: '003B',
    amount: '21.5001',
  }])
  assert.equal(closed.rows[0].close, 0)
  const noted = await owner.run(
    `select operation, rows from sluice.applied where id = '${mutationId}'`,
  )
  assert.deepEqual([...noted], [{ operation: 'update', rows: 2 }])
})
