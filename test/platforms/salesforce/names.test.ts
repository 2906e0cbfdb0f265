// Goal: names in Postgres are predictable, unique, and the same on every describe.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nameBytesMax } from '../../../src/lib/name.ts'
import { uniqueNames } from '../../../src/platforms/names.ts'
import { columnName, tableName } from '../../../src/platforms/salesforce/names.ts'
import { runsOf } from '../../help/property.ts'

test('fields become snake case', () => {
  const names = {
    Id: 'id',
    FirstName: 'first_name',
    AccountId: 'account_id',
    Favorite_Color__c: 'favorite_color__c',
    FavoriteColor__c: 'favorite_color__c',
    MailingStreet: 'mailing_street',
    SystemModstamp: 'system_modstamp',
    HasOptedOutOfEmail: 'has_opted_out_of_email',
    LastCURequestDate: 'last_cu_request_date',
    SLAExpirationDate__c: 'sla_expiration_date__c',
    SLA__c: 'sla__c',
    ns__Total_USD__c: 'ns__total_usd__c',
  }
  for (const [field, name] of Object.entries(names)) assert.equal(columnName(field), name)
})

test('objects become plural snake case; custom objects keep their name in lower case', () => {
  const names = {
    Contact: 'contacts',
    Account: 'accounts',
    Opportunity: 'opportunities',
    OpportunityLineItem: 'opportunity_line_items',
    Case: 'cases',
    CaseStatus: 'case_statuses',
    Holiday: 'holidays',
    Project__c: 'project__c',
    ns__BigProject__c: 'ns__bigproject__c',
  }
  for (const [object, name] of Object.entries(names)) assert.equal(tableName(object), name)
})

test('names that collide are told apart, whatever the order', () => {
  const fields = ['Id', 'FirstName', 'First_Name', 'firstName', 'First_Name_2', 'Xmin']
  const there = uniqueNames(fields, columnName)
  const back = uniqueNames(fields.toReversed(), columnName)
  for (const field of fields) assert.equal(there.get(field), back.get(field))
  assert.equal(new Set(there.values()).size, fields.length)
  assert.equal(there.get('FirstName'), 'first_name')
  assert.equal(there.get('Xmin'), 'xmin_2', 'Postgres has a system column of that name')
})

test('names are unique and fit into Postgres, for any set of API names', () => {
  const apiName = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,79}$/)
  fc.assert(
    fc.property(fc.uniqueArray(apiName, { maxLength: 30 }), (fields) => {
      const names = [...uniqueNames(fields, columnName).values()]
      assert.equal(new Set(names).size, fields.length)
      assert.ok(names.every((name) => name.length <= nameBytesMax && name !== ''))
    }),
    runsOf(),
  )
})
