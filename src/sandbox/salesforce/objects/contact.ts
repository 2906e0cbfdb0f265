// Room sandbox: the Contact object of the emulated org, with one custom field of every kind.

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
import { leadSources } from './account.ts'
import type { ObjectDefinition } from './definition.ts'

const { head, tail } = systemFields('Contact')

export const salutations = ['Mr.', 'Ms.', 'Mrs.', 'Dr.', 'Prof.', 'Mx.']

const inName = { compoundFieldName: 'Name' }

export const contact: ObjectDefinition = {
  name: 'Contact',
  label: 'Contact',
  labelPlural: 'Contacts',
  keyPrefix: '003',
  writable: true,
  fields: [
    ...head,
    lookup('MasterRecordId', 'Master Record ID', { to: 'Contact', ...readOnly }),
    lookup('AccountId', 'Account ID', { to: 'Account', cascadeDelete: true }),
    text('LastName', 'Last Name', { length: 80, ...needed, ...inName }),
    text('FirstName', 'First Name', { length: 40, ...inName }),
    picklist('Salutation', 'Salutation', { values: salutations, length: 40, ...inName }),
    text('Name', 'Full Name', { length: 121, nameField: true, ...needed, ...readOnly }),
    ...address('Other', 'Other'),
    ...address('Mailing', 'Mailing'),
    phone('Phone', 'Business Phone'),
    phone('Fax', 'Business Fax'),
    phone('MobilePhone', 'Mobile Phone'),
    phone('HomePhone', 'Home Phone'),
    phone('OtherPhone', 'Other Phone'),
    phone('AssistantPhone', 'Asst. Phone'),
    lookup('ReportsToId', 'Reports To ID', { to: 'Contact' }),
    field('Email', 'Email', { type: 'email', length: 80, idLookup: true }),
    text('Title', 'Title', { length: 128 }),
    text('Department', 'Department', { length: 80 }),
    text('AssistantName', "Assistant's Name", { length: 40 }),
    picklist('LeadSource', 'Lead Source', { values: leadSources }),
    field('Birthdate', 'Birthdate', { type: 'date' }),
    area('Description', 'Contact Description', { length: 32000 }),
    owner(),
    checkbox('HasOptedOutOfEmail', 'Email Opt Out'),
    checkbox('HasOptedOutOfFax', 'Fax Opt Out'),
    checkbox('DoNotCall', 'Do Not Call'),
    ...tail,
    field('LastActivityDate', 'Last Activity', { type: 'date', ...readOnly }),
    field('LastCURequestDate', 'Last Stay-in-Touch Request Date', {
      type: 'datetime',
      ...readOnly,
    }),
    field('LastCUUpdateDate', 'Last Stay-in-Touch Save Date', { type: 'datetime', ...readOnly }),
    text('EmailBouncedReason', 'Email Bounced Reason', readOnly),
    field('EmailBouncedDate', 'Email Bounced Date', { type: 'datetime', ...readOnly }),
    checkbox('IsEmailBounced', 'Is Email Bounced', readOnly),
    field('PhotoUrl', 'Photo URL', { type: 'url', length: 255, ...readOnly }),
    text('Jigsaw', 'Data.com Key', { length: 20 }),
    text('JigsawContactId', 'Jigsaw Contact ID', { length: 20, ...readOnly }),
    picklist('Favorite_Color__c', 'Favorite Color', {
      values: ['Red', 'Green', 'Blue', 'Yellow', 'Purple'],
      restrictedPicklist: true,
    }),
    text('External_Id__c', 'External Id', {
      length: 64,
      unique: true,
      externalId: true,
      idLookup: true,
    }),
    decimal('Lifetime_Value__c', 'Lifetime Value', { type: 'currency', precision: 18, scale: 2 }),
    decimal('Score__c', 'Score', { type: 'double', precision: 16, scale: 4 }),
    decimal('Visits__c', 'Visits', { type: 'double', precision: 18, scale: 0 }),
    checkbox('Is_Vip__c', 'Is VIP'),
    field('Interests__c', 'Interests', {
      type: 'multipicklist',
      length: 4099,
      sortable: false,
      picklist: ['Spice', 'Sandworms', 'Politics', 'Prophecy', 'Ecology', 'Swordplay'],
      restrictedPicklist: true,
    }),
    field('Joined_On__c', 'Joined On', { type: 'date' }),
    field('Last_Seen__c', 'Last Seen', { type: 'datetime' }),
    field('Preferred_Time__c', 'Preferred Time', { type: 'time' }),
    text('Email_Domain__c', 'Email Domain', {
      length: 1300,
      formula: 'IF(ISBLANK(Email), NULL, MID(Email, FIND("@", Email) + 1, LEN(Email)))',
      ...readOnly,
    }),
  ],
}
