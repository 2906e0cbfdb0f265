// Room sandbox: the properties of HubSpot's objects, as data.
// https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide

export type PropertyType =
  | 'string'
  | 'phone_number'
  | 'number'
  | 'date'
  | 'datetime'
  | 'bool'
  | 'enumeration'

export interface Option {
  readonly label: string
  readonly value: string
}

export interface Property {
  readonly name: string
  readonly label: string
  readonly type: PropertyType
  readonly fieldType: string
  readonly groupName: string
  /** As the properties API shows them. */
  readonly options: readonly Option[]
  /** Are the options kept elsewhere, as pipeline stages are? Then `options` is empty, and `allowed` decides. */
  readonly externalOptions: boolean
  /** The values that an enumeration takes. */
  readonly allowed: readonly string[]
  readonly unique: boolean
  readonly calculated: boolean
  readonly readOnly: boolean
  /** Is the text an address, of which HubSpot keeps the lower case? */
  readonly email: boolean
  /** Did HubSpot define it, or the portal's owner? */
  readonly hubspotDefined: boolean
}

/** A property of a type, writable and not unique. */
function property(
  name: string,
  label: string,
  { type, fieldType }: { type: PropertyType; fieldType: string },
): Property {
  return {
    name,
    label,
    type,
    fieldType,
    groupName: '',
    options: [],
    externalOptions: false,
    allowed: [],
    unique: false,
    calculated: false,
    readOnly: false,
    email: false,
    hubspotDefined: true,
  }
}

export const text = (name: string, label: string): Property =>
  property(name, label, { type: 'string', fieldType: 'text' })

export const textarea = (name: string, label: string): Property =>
  property(name, label, { type: 'string', fieldType: 'textarea' })

export const html = (name: string, label: string): Property =>
  property(name, label, { type: 'string', fieldType: 'html' })

export const phone = (name: string, label: string): Property =>
  property(name, label, { type: 'string', fieldType: 'phonenumber' })

export const number = (name: string, label: string): Property =>
  property(name, label, { type: 'number', fieldType: 'number' })

export const date = (name: string, label: string): Property =>
  property(name, label, { type: 'date', fieldType: 'date' })

export const datetime = (name: string, label: string): Property =>
  property(name, label, { type: 'datetime', fieldType: 'date' })

export const email = (name: string, label: string): Property => ({
  ...text(name, label),
  email: true,
})

export const bool = (name: string, label: string): Property => ({
  ...property(name, label, { type: 'bool', fieldType: 'booleancheckbox' }),
  options: [{ label: 'True', value: 'true' }, { label: 'False', value: 'false' }],
  allowed: ['true', 'false'],
})

/** One of the options; each is its value, or its value and its label. */
export const select = (
  name: string,
  label: string,
  options: readonly (string | readonly [string, string])[],
): Property => ({
  ...property(name, label, { type: 'enumeration', fieldType: 'select' }),
  ...choices(options),
})

/** Any of the options; values are joined by `;`. */
export const checkboxes = (
  name: string,
  label: string,
  options: readonly (string | readonly [string, string])[],
): Property => ({ ...select(name, label, options), fieldType: 'checkbox' })

/** One of the values, which the properties API does not list. */
export const external = (name: string, label: string, allowed: readonly string[]): Property => ({
  ...property(name, label, { type: 'enumeration', fieldType: 'select' }),
  externalOptions: true,
  allowed,
})

export const unique = (one: Property): Property => ({ ...one, unique: true })
export const readOnly = (one: Property): Property => ({ ...one, readOnly: true })
export const calculated = (one: Property): Property => ({
  ...one,
  calculated: true,
  readOnly: true,
  fieldType: 'calculation_equation',
})
export const custom = (one: Property): Property => ({ ...one, hubspotDefined: false })

function choices(
  options: readonly (string | readonly [string, string])[],
): Pick<Property, 'options' | 'allowed'> {
  const pairs = options.map((option) =>
    typeof option === 'string'
      ? { value: option, label: wordsOf(option) }
      : { value: option[0], label: option[1] }
  )
  return { options: pairs, allowed: pairs.map(({ value }) => value) }
}

/** `NOT_STARTED` to `Not started`. */
function wordsOf(value: string): string {
  const words = value.replaceAll('_', ' ').toLowerCase()
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`
}
