// Room sandbox: what a field of an object is, and short ways to write one down. Types, lengths and flags are those of
// a real describe (API v58); what is left out has the value that most fields have.

export type FieldType =
  | 'id'
  | 'string'
  | 'boolean'
  | 'int'
  | 'double'
  | 'currency'
  | 'percent'
  | 'date'
  | 'datetime'
  | 'time'
  | 'email'
  | 'phone'
  | 'url'
  | 'textarea'
  | 'picklist'
  | 'multipicklist'
  | 'reference'
  | 'address'

export interface Field {
  readonly name: string
  readonly label: string
  readonly type: FieldType
  /** Characters; 0 for types that have none. */
  readonly length: number
  /** Decimal digits, and how many of them stand after the point; 0 for types that have none. */
  readonly precision: number
  readonly scale: number
  /** Digits of an int. */
  readonly digits: number
  readonly nillable: boolean
  readonly defaultedOnCreate: boolean
  readonly createable: boolean
  readonly updateable: boolean
  readonly custom: boolean
  readonly nameField: boolean
  readonly autoNumber: boolean
  readonly unique: boolean
  readonly externalId: boolean
  readonly idLookup: boolean
  readonly filterable: boolean
  readonly sortable: boolean
  readonly referenceTo: readonly string[]
  readonly relationshipName: string | null
  /** Are the records that refer deleted with the one referred to? */
  readonly cascadeDelete: boolean
  readonly picklist: readonly string[]
  readonly restrictedPicklist: boolean
  readonly compoundFieldName: string | null
  /** The formula of a calculated field. */
  readonly formula: string | null
  /** The value that a new record gets when none is given. */
  readonly defaultValue: string | boolean | null
}

/** What may differ from most fields. */
export type Traits = Partial<Omit<Field, 'name' | 'label' | 'type'>>

const usual: Omit<Field, 'name' | 'label' | 'type'> = {
  length: 0,
  precision: 0,
  scale: 0,
  digits: 0,
  nillable: true,
  defaultedOnCreate: false,
  createable: true,
  updateable: true,
  custom: false,
  nameField: false,
  autoNumber: false,
  unique: false,
  externalId: false,
  idLookup: false,
  filterable: true,
  sortable: true,
  referenceTo: [],
  relationshipName: null,
  cascadeDelete: false,
  picklist: [],
  restrictedPicklist: false,
  compoundFieldName: null,
  formula: null,
  defaultValue: null,
}

/** Traits of what only Salesforce writes. */
export const readOnly: Traits = { createable: false, updateable: false }

/** Traits of what a record cannot be without. */
export const needed: Traits = { nillable: false }

/** Any field: name, label, type, and what differs. Names that end in __c are custom. */
export function field(
  name: string,
  label: string,
  { type, ...traits }: { type: FieldType } & Traits,
): Field {
  return { ...usual, custom: name.endsWith('__c'), ...traits, name, label, type }
}

export function text(name: string, label: string, traits: Traits = {}): Field {
  return field(name, label, { type: 'string', length: 255, ...traits })
}

export function area(name: string, label: string, traits: Traits = {}): Field {
  const long = (traits.length ?? 255) > 255
  const searchable = long ? { filterable: false, sortable: false } : {}
  return field(name, label, { type: 'textarea', length: 255, ...searchable, ...traits })
}

export function phone(name: string, label: string): Field {
  return field(name, label, { type: 'phone', length: 40 })
}

export function checkbox(name: string, label: string, traits: Traits = {}): Field {
  const always = { nillable: false, defaultedOnCreate: true, defaultValue: false }
  return field(name, label, { type: 'boolean', ...always, ...traits })
}

/** A number with a fixed number of digits after the point. */
export function decimal(
  name: string,
  label: string,
  traits: { type: 'double' | 'currency' | 'percent'; precision: number; scale: number } & Traits,
): Field {
  return field(name, label, traits)
}

export function picklist(
  name: string,
  label: string,
  { values, ...traits }: { values: readonly string[] } & Traits,
): Field {
  return field(name, label, { type: 'picklist', length: 255, picklist: values, ...traits })
}

/** A lookup. Its relationship is named after it: `AccountId` gives `Account`, `Contact__c` gives `Contact__r`. */
export function lookup(
  name: string,
  label: string,
  { to, ...traits }: { to: string } & Traits,
): Field {
  const relationshipName = name.endsWith('__c') ? name.replace(/c$/, 'r') : name.replace(/Id$/, '')
  return field(name, label, {
    type: 'reference',
    length: 18,
    referenceTo: [to],
    relationshipName,
    ...traits,
  })
}

/** The parts of an address and the compound field that shows them together. */
export function address(prefix: string, label: string): Field[] {
  const compoundFieldName = `${prefix}Address`
  const named = (part: string) => `${label} ${part}`.trim()
  const part = { compoundFieldName }
  const degrees = { type: 'double', precision: 18, scale: 15, ...part } as const
  return [
    area(`${prefix}Street`, named('Street'), part),
    text(`${prefix}City`, named('City'), { length: 40, ...part }),
    text(`${prefix}State`, named('State/Province'), { length: 80, ...part }),
    text(`${prefix}PostalCode`, named('Zip/Postal Code'), { length: 20, ...part }),
    text(`${prefix}Country`, named('Country'), { length: 80, ...part }),
    decimal(`${prefix}Latitude`, named('Latitude'), degrees),
    decimal(`${prefix}Longitude`, named('Longitude'), degrees),
    picklist(`${prefix}GeocodeAccuracy`, named('Geocode Accuracy'), {
      values: ['Address', 'NearAddress', 'Block', 'Street', 'Zip', 'City', 'State', 'Unknown'],
      restrictedPicklist: true,
      ...part,
      length: 40,
    }),
    field(`${prefix}Address`, named('Address'), { type: 'address', ...readOnly, sortable: false }),
  ]
}

/** What every record has: its id, and who wrote it when. `owned` adds the owner. */
export function systemFields(label: string): { head: Field[]; tail: Field[] } {
  const given = { ...readOnly, nillable: false, defaultedOnCreate: true }
  return {
    head: [
      field('Id', `${label} ID`, { type: 'id', length: 18, idLookup: true, ...given }),
      checkbox('IsDeleted', 'Deleted', readOnly),
    ],
    tail: [
      field('CreatedDate', 'Created Date', { type: 'datetime', ...given }),
      lookup('CreatedById', 'Created By ID', { to: 'User', ...given }),
      field('LastModifiedDate', 'Last Modified Date', { type: 'datetime', ...given }),
      lookup('LastModifiedById', 'Last Modified By ID', { to: 'User', ...given }),
      field('SystemModstamp', 'System Modstamp', { type: 'datetime', ...given }),
      field('LastViewedDate', 'Last Viewed Date', { type: 'datetime', ...readOnly }),
      field('LastReferencedDate', 'Last Referenced Date', { type: 'datetime', ...readOnly }),
    ],
  }
}

/** The lookup to the user who owns the record: whoever writes it, when not given. */
export function owner(): Field {
  return lookup('OwnerId', 'Owner ID', { to: 'User', nillable: false, defaultedOnCreate: true })
}
