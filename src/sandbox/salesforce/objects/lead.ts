// Room sandbox: the Lead object of the emulated org.

import {
  address,
  area,
  checkbox,
  decimal,
  field,
  lookup,
  needed,
  owner,
  phone,
  picklist,
} from '../field.ts'
import { readOnly, systemFields, text } from '../field.ts'
import { industries, leadSources } from './account.ts'
import { salutations } from './contact.ts'
import type { ObjectDefinition } from './definition.ts'

const { head, tail } = systemFields('Lead')

const statuses = [
  'Open - Not Contacted',
  'Working - Contacted',
  'Closed - Converted',
  'Closed - Not Converted',
]

const inName = { compoundFieldName: 'Name' }

export const lead: ObjectDefinition = {
  name: 'Lead',
  label: 'Lead',
  labelPlural: 'Leads',
  keyPrefix: '00Q',
  writable: true,
  fields: [
    ...head,
    lookup('MasterRecordId', 'Master Record ID', { to: 'Lead', ...readOnly }),
    text('LastName', 'Last Name', { length: 80, ...needed, ...inName }),
    text('FirstName', 'First Name', { length: 40, ...inName }),
    picklist('Salutation', 'Salutation', { values: salutations, length: 40, ...inName }),
    text('Name', 'Full Name', { length: 121, nameField: true, ...needed, ...readOnly }),
    text('Title', 'Title', { length: 128 }),
    text('Company', 'Company', needed),
    ...address('', ''),
    phone('Phone', 'Phone'),
    phone('MobilePhone', 'Mobile Phone'),
    phone('Fax', 'Fax'),
    field('Email', 'Email', { type: 'email', length: 80, idLookup: true }),
    field('Website', 'Website', { type: 'url', length: 255 }),
    field('PhotoUrl', 'Photo URL', { type: 'url', length: 255, ...readOnly }),
    area('Description', 'Description', { length: 32000 }),
    picklist('LeadSource', 'Lead Source', { values: leadSources }),
    picklist('Status', 'Status', {
      values: statuses,
      nillable: false,
      defaultedOnCreate: true,
      defaultValue: 'Open - Not Contacted',
    }),
    picklist('Industry', 'Industry', { values: industries }),
    picklist('Rating', 'Rating', { values: ['Hot', 'Warm', 'Cold'] }),
    decimal('AnnualRevenue', 'Annual Revenue', { type: 'currency', precision: 18, scale: 0 }),
    field('NumberOfEmployees', 'Employees', { type: 'int', digits: 8 }),
    owner(),
    checkbox('HasOptedOutOfEmail', 'Email Opt Out'),
    checkbox('IsConverted', 'Converted', readOnly),
    field('ConvertedDate', 'Converted Date', { type: 'date', ...readOnly }),
    lookup('ConvertedAccountId', 'Converted Account ID', { to: 'Account', ...readOnly }),
    lookup('ConvertedContactId', 'Converted Contact ID', { to: 'Contact', ...readOnly }),
    lookup('ConvertedOpportunityId', 'Converted Opportunity ID', {
      to: 'Opportunity',
      ...readOnly,
    }),
    checkbox('IsUnreadByOwner', 'Unread By Owner', { defaultValue: true }),
    ...tail,
    field('LastActivityDate', 'Last Activity', { type: 'date', ...readOnly }),
    text('Jigsaw', 'Data.com Key', { length: 20 }),
    text('JigsawContactId', 'Jigsaw Contact ID', { length: 20, ...readOnly }),
    text('EmailBouncedReason', 'Email Bounced Reason', readOnly),
    field('EmailBouncedDate', 'Email Bounced Date', { type: 'datetime', ...readOnly }),
  ],
}
