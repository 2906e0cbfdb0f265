// Answers in the forms of the Salesforce REST API Developer Guide.

import type { Mutation, PlannedRow, Values } from '../../../src/mutation/mutation.ts'
import type { Column, Operation, SyncedTable } from '../../../src/mutation/table.ts'
import type { Answer } from '../../help/fake-api.ts'

export {
  type Answer,
  type Asked,
  type FakeApi as FakeOrg,
  fakeApi as fakeOrg,
  type Script,
} from '../../help/fake-api.ts'

const column = (name: string, field: string, type = 'text'): Column => ({
  name,
  field,
  type,
  insertable: name !== 'id',
  updatable: name !== 'id',
  required: false,
})

const computed = (name: string, field: string, type: string): Column => ({
  ...column(name, field, type),
  insertable: false,
  updatable: false,
})

export const contacts: SyncedTable = {
  syncId: 'sync_test',
  platform: 'salesforce',
  schema: 'salesforce',
  name: 'contacts',
  object: 'Contact',
  columns: [
    column('id', 'Id', 'varchar(18)'),
    column('first_name', 'FirstName'),
    column('last_name', 'LastName'),
    column('email', 'Email'),
    column('do_not_call', 'DoNotCall', 'boolean'),
    column('birthdate', 'Birthdate', 'date'),
    column('score__c', 'Score__c', 'numeric(18,3)'),
    column('visits__c', 'Visits__c', 'bigint'),
    column('topics__c', 'Topics__c', 'text[]'),
    column('status__c', 'Status__c'),
    column('external_id__c', 'External_Id__c'),
    column('account_id', 'AccountId', 'varchar(18)'),
    computed('name', 'Name', 'text'),
    computed('mailing_address', 'MailingAddress', 'jsonb'),
    computed('system_modstamp', 'SystemModstamp', 'timestamptz'),
  ],
}

/** The id of the n-th record of the tests, from 1. */
export function idAt(n: number): string {
  return `003xx${String(n).padStart(10, '0')}AAA`
}

export function mutation(operation: Operation, rows: readonly Values[]): Mutation {
  const planned = rows.map((values, i): PlannedRow => ({
    ordinal: i + 1,
    id: operation === 'insert' ? null : idAt(i + 1),
    values,
  }))
  return {
    id: '00000000-0000-4000-8000-000000000001',
    syncId: 'sync_test',
    schema: 'salesforce',
    table: 'contacts',
    operation,
    rows: planned,
  }
}

/** Composite Response Body, with these two parts. */
export function composite(write: Answer, read: Answer): Answer {
  const part = (referenceId: string, { status = 200, body }: Answer) => ({
    body,
    httpHeaders: {},
    httpStatusCode: status,
    referenceId,
  })
  return { body: { compositeResponse: [part('write', write), part('read', read)] } }
}

/** Results of `count` records, all written. */
export function written(count: number): Answer {
  const body = Array.from({ length: count }, (_, i) => ({
    id: idAt(i + 1),
    success: true,
    errors: [],
  }))
  return { body }
}

/** The records read back, with these fields more. */
export function records(count: number, fields: (i: number) => Record<string, unknown>): Answer {
  const body = Array.from({ length: count }, (_, i) => ({
    attributes: { type: 'Contact', url: `/services/data/v62.0/sobjects/Contact/${idAt(i + 1)}` },
    Id: idAt(i + 1),
    ...fields(i),
  }))
  return { body }
}

/** A record of a collection that was refused. */
export function refusedRow(statusCode: string, message: string, fields: string[] = []) {
  return { success: false, errors: [{ statusCode, message, fields }] }
}

export const rolledBackRow = refusedRow(
  'ALL_OR_NONE_OPERATION_ROLLED_BACK',
  'Record rolled back because not all records were valid and the request was using AllOrNone header',
)

/** What the read back answers when there are no ids to refer to. */
export const noReference: Answer = {
  status: 400,
  body: [{
    errorCode: 'PROCESSING_HALTED',
    message: 'Invalid reference specified. No value for write[0].id found in write.',
  }],
}
