// Room sandbox: the Account object of the emulated org.

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
import type { ObjectDefinition } from './definition.ts'

const { head, tail } = systemFields('Account')

export const industries = [
  'Agriculture',
  'Apparel',
  'Banking',
  'Biotechnology',
  'Chemicals',
  'Communications',
  'Construction',
  'Consulting',
  'Education',
  'Electronics',
  'Energy',
  'Engineering',
  'Entertainment',
  'Environmental',
  'Finance',
  'Government',
  'Healthcare',
  'Insurance',
  'Manufacturing',
  'Media',
  'Shipping',
  'Technology',
  'Transportation',
  'Utilities',
  'Other',
]

export const leadSources = ['Web', 'Phone Inquiry', 'Partner Referral', 'Purchased List', 'Other']

const types = [
  'Prospect',
  'Customer - Direct',
  'Customer - Channel',
  'Channel Partner / Reseller',
  'Installation Partner',
  'Technology Partner',
  'Other',
]

export const account: ObjectDefinition = {
  name: 'Account',
  label: 'Account',
  labelPlural: 'Accounts',
  keyPrefix: '001',
  writable: true,
  fields: [
    ...head,
    lookup('MasterRecordId', 'Master Record ID', { to: 'Account', ...readOnly }),
    text('Name', 'Account Name', { nameField: true, ...needed }),
    picklist('Type', 'Account Type', { values: types }),
    lookup('ParentId', 'Parent Account ID', { to: 'Account' }),
    ...address('Billing', 'Billing'),
    ...address('Shipping', 'Shipping'),
    phone('Phone', 'Account Phone'),
    phone('Fax', 'Account Fax'),
    text('AccountNumber', 'Account Number', { length: 40 }),
    field('Website', 'Website', { type: 'url', length: 255 }),
    field('PhotoUrl', 'Photo URL', { type: 'url', length: 255, ...readOnly }),
    text('Sic', 'SIC Code', { length: 20 }),
    picklist('Industry', 'Industry', { values: industries }),
    decimal('AnnualRevenue', 'Annual Revenue', { type: 'currency', precision: 18, scale: 0 }),
    field('NumberOfEmployees', 'Employees', { type: 'int', digits: 8 }),
    picklist('Ownership', 'Ownership', { values: ['Public', 'Private', 'Subsidiary', 'Other'] }),
    text('TickerSymbol', 'Ticker Symbol', { length: 20 }),
    area('Description', 'Account Description', { length: 32000 }),
    picklist('Rating', 'Account Rating', { values: ['Hot', 'Warm', 'Cold'] }),
    text('Site', 'Account Site', { length: 80 }),
    owner(),
    ...tail,
    field('LastActivityDate', 'Last Activity', { type: 'date', ...readOnly }),
    checkbox('IsCustomerPortal', 'Customer Portal Account', readOnly),
    text('Jigsaw', 'Data.com Key', { length: 20 }),
    text('JigsawCompanyId', 'Jigsaw Company ID', { length: 20, ...readOnly }),
    picklist('AccountSource', 'Account Source', { values: leadSources }),
    text('SicDesc', 'SIC Description', { length: 80 }),
  ],
}
