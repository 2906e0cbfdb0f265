// Room sandbox: the records that the emulated base starts with, always the same ids, dates and values; and more of them.

import { type Json, JsonNumber } from '../json.ts'
import { assert } from '../../lib/assert.ts'
import type { Base } from './base.ts'
import { readCell } from './cells.ts'
import { findField, type Table } from './field.ts'
import { findTable } from './schema.ts'

type Fields = Readonly<Record<string, Json>>

const number = (text: string): JsonNumber => new JsonNumber(text)

const companies: readonly Fields[] = [
  { Name: 'House Atreides', Domain: 'https://atreides.example', Employees: number('1200') },
  { Name: 'CHOAM', Domain: 'https://choam.example', Employees: number('120000'), Size: 'Large' },
]

/** `company`: position in `companies`. */
const contacts: readonly (Fields & { readonly company: number | null })[] = [
  {
    company: 0,
    Name: 'Paul Atreides',
    Email: 'paul@atreides.example',
    Notes: 'He sees.\nHe waits.',
    Phone: '+1 555 0101',
    Website: 'https://atreides.example/paul',
    Age: number('15'),
    Score: number('9.8125'),
    Price: number('1234567.89'),
    Rate: number('0.125'),
    Stars: number('5'),
    Duration: number('3600'),
    Active: true,
    Birthday: '2026-03-10',
    Seen: '2026-01-05T09:30:00.250Z',
    Status: 'Customer',
    Tags: ['vip', 'in, quotes'],
    Attachments: [{ url: 'https://files.example/paul.png', filename: 'paul.png' }],
  },
  {
    company: null,
    Name: 'Chani Kynes',
    Email: 'chani@fremen.example',
    Status: 'Lead',
    Tags: ['press'],
  },
  { company: 1, Name: 'Count Fenring', Score: number('-0.5'), Status: 'Lost' },
  { company: 0, Name: 'Gurney Halleck', Email: 'gurney@atreides.example', Active: true },
]

/** When the first record was made; each next one was made a minute later. */
const firstMs = Date.UTC(2026, 0, 5, 8)
const stepMs = 60_000

/** So many more rows, each of a person or a company of its own. */
export function sowRows(
  base: Base,
  table: Table,
  { count, nowMs }: { count: number; nowMs: number },
): void {
  const idOf = (name: string) => {
    const field = findField(table, name)
    assert(field !== undefined, `${table.name} has a field ${name}`)
    return field.id
  }
  const isContacts = table.name === 'Contacts'
  const [name, address, amount] = (isContacts ? contactFields : companyFields).map(idOf)
  for (let sown = 0; sown < count; sown++) {
    const row = base.newRow(table, nowMs)
    const n = row.number
    const cells = new Map<string, Json>([
      [name ?? '', `${isContacts ? 'Person' : 'Company'} ${n}`],
      [address ?? '', isContacts ? `person${n}@sandbox.example` : `https://company${n}.example`],
      [amount ?? '', number(String(n % 90 + 10))],
    ])
    base.sow({ ...row, cells, modifiedAtMs: nowMs })
  }
}

const contactFields = ['Name', 'Email', 'Age'] as const
const companyFields = ['Name', 'Domain', 'Employees'] as const

/** Fills an empty base. */
export function plantSeed(base: Base): void {
  let nowMs = firstMs
  const plant = (tableName: string, fields: Fields): string => {
    const table = findTable(tableName)
    assert(table !== undefined, `there is a table ${tableName}`)
    const cells = new Map<string, Json>()
    for (const [name, value] of Object.entries(fields)) {
      const field = findField(table, name)
      assert(field !== undefined, `${tableName} has a field ${name}`)
      cells.set(field.id, readCell(field, value, { base, before: undefined }))
    }
    const row = { ...base.newRow(table, nowMs), cells, modifiedAtMs: nowMs }
    base.put(row)
    nowMs += stepMs
    return row.id
  }
  const companyIds = companies.map((company) => plant('Companies', company))
  for (const { company, ...fields } of contacts) {
    plant(
      'Contacts',
      company === null ? fields : { ...fields, Company: [companyIds[company] ?? ''] },
    )
  }
}
