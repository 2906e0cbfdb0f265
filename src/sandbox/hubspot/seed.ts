// Room sandbox: the records that the emulated portal starts with: always the same ids, dates and values.

import { assert } from '../../lib/assert.ts'
import type { ObjectType } from './objects/definition.ts'
import { emails, notes, tasks } from './objects/activities.ts'
import { cars, lineItems, products } from './objects/goods.ts'
import { companies, contacts, deals, tickets } from './objects/records.ts'
import type { Portal } from './portal.ts'
import { createRecord } from './save.ts'

type Values = Readonly<Record<string, string>>

const records: readonly (readonly [ObjectType, readonly Values[]])[] = [
  [contacts, [
    {
      email: 'paul@atreides.example',
      firstname: 'Paul',
      lastname: 'Atreides',
      phone: '+1 555 0101',
      company: 'House Atreides',
      lifecyclestage: 'customer',
      hs_buying_role: 'CHAMPION;DECISION_MAKER',
      total_revenue: '12345678901234.56',
      contract_end: '2027-01-31',
      vip: 'true',
    },
    {
      email: 'chani@fremen.example',
      firstname: 'Chani',
      lastname: 'Kynes',
      lifecyclestage: 'lead',
      closedate: '2026-03-01T12:30:00Z',
    },
    { email: 'gurney@atreides.example', firstname: 'Gurney', lastname: 'Halleck', vip: 'false' },
    { firstname: 'Stilgar', lastname: 'Naib', city: 'Sietch Tabr' },
    {
      email: 'irulan@corrino.example',
      firstname: 'Irulan',
      lastname: 'Corrino',
      lifecyclestage: 'opportunity',
      jobtitle: 'Historian',
    },
  ]],
  [companies, [
    { name: 'House Atreides', domain: 'atreides.example', industry: 'FARMING', is_public: 'false' },
    { name: 'Spacing Guild', domain: 'guild.example', annualrevenue: '9007199254740993.25' },
    { name: 'CHOAM', domain: 'choam.example', type: 'PARTNER', numberofemployees: '120000' },
  ]],
  [deals, [
    {
      dealname: 'Spice harvest 10191',
      amount: '1000000.50',
      pipeline: 'default',
      dealstage: 'contractsent',
      closedate: '2026-12-31T00:00:00Z',
    },
    { dealname: 'Harvester fleet', amount: '250000', pipeline: 'default', dealstage: 'closedwon' },
    { dealname: 'Heighliner passage', pipeline: 'default', dealstage: 'appointmentscheduled' },
  ]],
  [tickets, [
    {
      subject: 'Worm sign',
      hs_pipeline: '0',
      hs_pipeline_stage: '1',
      hs_ticket_priority: 'HIGH',
      hs_ticket_category: 'PRODUCT_ISSUE',
    },
  ]],
  [products, [
    { name: 'Stillsuit', price: '499.90', hs_sku: 'STILL-1' },
    { name: 'Thumper', price: '49', hs_sku: 'THUMP-1' },
  ]],
  [lineItems, [{ name: 'Stillsuit', price: '499.90', quantity: '3' }]],
  [notes, [{ hs_note_body: 'He is the one.', hs_timestamp: '2026-01-05T09:00:00Z' }]],
  [tasks, [
    {
      hs_task_subject: 'Call the worm',
      hs_task_status: 'NOT_STARTED',
      hs_timestamp: '2026-02-01T08:00:00.250Z',
    },
  ]],
  [emails, [
    {
      hs_email_subject: 'Fear',
      hs_email_text: 'It is the mind-killer.',
      hs_email_direction: 'EMAIL',
      hs_timestamp: '2026-01-06T10:00:00Z',
    },
  ]],
  [cars, [
    { model: 'Ornithopter', vin: 'ORN-0001', price: '95000.99', condition: 'used' },
    { model: 'Groundcar', vin: 'GRD-0001', electric: 'true', features: 'airbags;sunroof' },
  ]],
]

/** When the first record was made; each next one was made a minute later. */
const firstMs = Date.UTC(2026, 0, 5, 8)
const stepMs = 60_000

/** Fills an empty portal. */
export function plantSeed(portal: Portal): void {
  let nowMs = firstMs
  for (const [type, rows] of records) {
    for (const values of rows) {
      const saved = createRecord({ portal, nowMs }, type, new Map(Object.entries(values)))
      assert(saved.ok, `the seed's ${type.name} are valid: ${JSON.stringify(saved)}`)
      nowMs += stepMs
    }
  }
}
