// Room sandbox: the User object of the emulated org. Its records are read only through the API.

import { checkbox, field, lookup, needed, phone, picklist, systemFields, text } from '../field.ts'
import type { ObjectDefinition } from './definition.ts'

const { head, tail } = systemFields('User')

export const user: ObjectDefinition = {
  name: 'User',
  label: 'User',
  labelPlural: 'Users',
  keyPrefix: '005',
  writable: false,
  fields: [
    ...head.filter(({ name }) => name !== 'IsDeleted'),
    text('Username', 'Username', { length: 80, idLookup: true, ...needed }),
    text('LastName', 'Last Name', { length: 80, ...needed }),
    text('FirstName', 'First Name', { length: 40 }),
    text('Name', 'Full Name', { length: 121, nameField: true, ...needed }),
    text('Title', 'Title', { length: 80 }),
    text('Department', 'Department', { length: 80 }),
    field('Email', 'Email', { type: 'email', length: 128, idLookup: true, ...needed }),
    phone('Phone', 'Phone'),
    text('Alias', 'Alias', { length: 8, ...needed }),
    checkbox('IsActive', 'Active'),
    picklist('TimeZoneSidKey', 'Time Zone', {
      values: ['GMT', 'Europe/Berlin', 'America/New_York'],
      length: 40,
      ...needed,
    }),
    picklist('LocaleSidKey', 'Locale', { values: ['en_US', 'de_DE'], length: 40, ...needed }),
    picklist('UserType', 'User Type', { values: ['Standard'], length: 40 }),
    lookup('ManagerId', 'Manager ID', { to: 'User' }),
    ...tail,
  ].map((each) => ({ ...each, createable: false, updateable: false })),
}
