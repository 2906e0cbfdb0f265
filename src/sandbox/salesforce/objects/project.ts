// Room sandbox: the custom object of the emulated org.

import { area, decimal, lookup, owner, systemFields, text } from '../field.ts'
import type { ObjectDefinition } from './definition.ts'

const { head, tail } = systemFields('Record')

export const project: ObjectDefinition = {
  name: 'Project__c',
  label: 'Project',
  labelPlural: 'Projects',
  keyPrefix: 'a00',
  writable: true,
  fields: [
    ...head,
    text('Name', 'Project Name', {
      length: 80,
      nameField: true,
      nillable: true,
      defaultedOnCreate: true,
      idLookup: true,
    }),
    owner(),
    ...tail,
    lookup('Contact__c', 'Contact', { to: 'Contact' }),
    decimal('Budget__c', 'Budget', { type: 'currency', precision: 16, scale: 2 }),
    area('Secret_Notes__c', 'Secret Notes', { length: 32768 }),
  ],
}
