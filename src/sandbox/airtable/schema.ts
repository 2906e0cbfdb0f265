// Room sandbox: the emulated base: contacts that link to companies.

import type { JsonObject } from '../json.ts'
import type { Field, FieldType, Table } from './field.ts'

export const baseId = 'appSandbox0000001'
export const baseName = 'Sandbox'

/** An id of 17 characters: `fld` and the word, filled with zeros. */
function makeId(prefix: string, word: string): string {
  return `${prefix}${word.padEnd(14, '0')}`
}

const contactsId = makeId('tbl', 'Contacts')
const companiesId = makeId('tbl', 'Companies')

/** A field of the table whose ids have the mark. */
function field(
  mark: string,
  [name, type]: readonly [string, FieldType],
  { options = null, choices = [], link = null }: Partial<
    Pick<Field, 'options' | 'choices' | 'link'>
  > = {},
): Field {
  return { id: idOf(mark, name), name, type, options, choices, link }
}

function idOf(mark: string, name: string): string {
  return makeId('fld', `${mark}${name.replaceAll(' ', '').slice(0, 12)}`)
}

/** A select of the names. */
function select(
  mark: string,
  [name, type]: readonly [string, 'singleSelect' | 'multipleSelects'],
  choices: readonly string[],
): Field {
  const options = {
    choices: choices.map((choice) => ({
      id: makeId('sel', `${mark}${choice.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 12)}`),
      name: choice,
      color: 'blueLight2',
    })),
  }
  return field(mark, [name, type], { options, choices })
}

function link(
  mark: string,
  name: string,
  { tableId, inverseId }: { tableId: string; inverseId: string },
): Field {
  const options = {
    linkedTableId: tableId,
    isReversed: false,
    prefersSingleRecordLink: false,
    inverseLinkFieldId: inverseId,
  }
  return field(mark, [name, 'multipleRecordLinks'], { options, link: { tableId, inverseId } })
}

const dateFormat = { name: 'iso', format: 'YYYY-MM-DD' }
const dateTimeOptions = {
  dateFormat,
  timeFormat: { name: '24hour', format: 'HH:mm' },
  timeZone: 'utc',
}

function computed(result: JsonObject, fieldIds: readonly string[], rest: JsonObject = {}): {
  options: JsonObject
} {
  return { options: { isValid: true, referencedFieldIds: fieldIds, result, ...rest } }
}

const wholeNumber = { type: 'number', options: { precision: 0 } }
const c = (name: string) => idOf('C', name)
const o = (name: string) => idOf('O', name)

const contacts: Table = {
  id: contactsId,
  name: 'Contacts',
  view: { id: makeId('viw', 'Contacts'), name: 'Grid view' },
  fields: [
    field('C', ['Name', 'singleLineText']),
    field('C', ['Email', 'email']),
    field('C', ['Notes', 'multilineText']),
    field('C', ['Bio', 'richText']),
    field('C', ['Phone', 'phoneNumber']),
    field('C', ['Website', 'url']),
    field('C', ['Age', 'number'], { options: { precision: 0 } }),
    field('C', ['Score', 'number'], { options: { precision: 4 } }),
    field('C', ['Price', 'currency'], { options: { precision: 2, symbol: '$' } }),
    field('C', ['Rate', 'percent'], { options: { precision: 1 } }),
    field('C', ['Stars', 'rating'], { options: { icon: 'star', max: 5, color: 'yellowBright' } }),
    field('C', ['Duration', 'duration'], { options: { durationFormat: 'h:mm:ss' } }),
    field('C', ['Active', 'checkbox'], { options: { icon: 'check', color: 'greenBright' } }),
    field('C', ['Birthday', 'date'], { options: { dateFormat } }),
    field('C', ['Seen', 'dateTime'], { options: dateTimeOptions }),
    select('C', ['Status', 'singleSelect'], ['Lead', 'Customer', 'Lost']),
    select('C', ['Tags', 'multipleSelects'], ['vip', 'press', 'partner', 'in, quotes']),
    link('C', 'Company', { tableId: companiesId, inverseId: o('Contacts') }),
    field('C', ['Attachments', 'multipleAttachments'], { options: { isReversed: false } }),
    field(
      'C',
      ['Label', 'formula'],
      computed({ type: 'singleLineText' }, [c('Name'), c('Email')], {
        formula: `{${c('Name')}} & " <" & {${c('Email')}} & ">"`,
      }),
    ),
    field(
      'C',
      ['Active Points', 'formula'],
      computed(wholeNumber, [c('Active')], { formula: `IF({${c('Active')}}, 1, 0)` }),
    ),
    field(
      'C',
      ['Company Domains', 'multipleLookupValues'],
      computed({ type: 'singleLineText' }, [], {
        recordLinkFieldId: c('Company'),
        fieldIdInLinkedTable: o('Domain'),
      }),
    ),
    field(
      'C',
      ['Headcount', 'rollup'],
      computed(wholeNumber, [], {
        recordLinkFieldId: c('Company'),
        fieldIdInLinkedTable: o('Employees'),
      }),
    ),
    field('C', ['Companies', 'count'], {
      options: { isValid: true, recordLinkFieldId: c('Company') },
    }),
    field('C', ['Number', 'autoNumber']),
    field('C', ['Created', 'createdTime'], {
      options: { result: { type: 'dateTime', options: dateTimeOptions } },
    }),
    field(
      'C',
      ['Modified', 'lastModifiedTime'],
      computed({ type: 'dateTime', options: dateTimeOptions }, []),
    ),
  ],
}

const companies: Table = {
  id: companiesId,
  name: 'Companies',
  view: { id: makeId('viw', 'Companies'), name: 'Grid view' },
  fields: [
    field('O', ['Name', 'singleLineText']),
    field('O', ['Domain', 'url']),
    field('O', ['Employees', 'number'], { options: { precision: 0 } }),
    select('O', ['Size', 'singleSelect'], ['Small', 'Large']),
    link('O', 'Contacts', { tableId: contactsId, inverseId: c('Company') }),
    field('O', ['Modified', 'lastModifiedTime'], {
      options: { isValid: true, referencedFieldIds: [], result: { type: 'dateTime' } },
    }),
  ],
}

export const tables: readonly Table[] = [contacts, companies]

/** A table by its id or its name; by the name in lower case too for `ignoreCase`. */
export function findTable(idOrName: string, ignoreCase = false): Table | undefined {
  return tables.find(({ id, name }) =>
    id === idOrName || name === idOrName ||
    (ignoreCase && name.toLowerCase() === idOrName.toLowerCase())
  )
}
