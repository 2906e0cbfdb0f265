// Room sandbox: describe, in full. Where the emulated org has nothing to say about a property, it says what most real
// ones say (describe of Account, API v58).

import { type Json, JsonNumber } from '../json.ts'
import type { Field, FieldType } from './field.ts'
import { childrenOf, type Sobject, sobjects } from './objects/schema.ts'
import type { BasePath } from './render.ts'

/** GET /sobjects */
export function describeGlobal(base: BasePath): Json {
  return {
    encoding: 'UTF-8',
    maxBatchSize: 200,
    sobjects: sobjects.map((object) => objectSummary(object, base)),
  }
}

/** The object as describe global and basic information tell it. */
export function objectSummary(object: Sobject, base: BasePath): Json {
  const { name, label, labelPlural, keyPrefix, custom, writable } = object
  const url = `${base}/sobjects/${name}`
  return {
    activateable: false,
    associateEntityType: null,
    associateParentEntity: null,
    createable: writable,
    custom,
    customSetting: false,
    deepCloneable: false,
    deletable: writable,
    deprecatedAndHidden: false,
    feedEnabled: writable,
    hasSubtypes: false,
    isInterface: false,
    isSubtype: false,
    keyPrefix,
    label,
    labelPlural,
    layoutable: true,
    mergeable: ['Account', 'Contact', 'Lead'].includes(name),
    mruEnabled: true,
    name,
    queryable: true,
    replicateable: true,
    retrieveable: true,
    searchable: true,
    triggerable: true,
    undeletable: writable,
    updateable: writable,
    urls: { rowTemplate: `${url}/{ID}`, describe: `${url}/describe`, sobject: url },
  }
}

/** GET /sobjects/X/describe */
export function describeObject(object: Sobject, base: BasePath): Json {
  return {
    actionOverrides: [],
    childRelationships: childrenOf(object).map(({ object: child, field }) => ({
      cascadeDelete: field.cascadeDelete,
      childSObject: child.name,
      deprecatedAndHidden: false,
      field: field.name,
      junctionIdListNames: [],
      junctionReferenceTo: [],
      relationshipName: null,
      restrictedDelete: false,
    })),
    compactLayoutable: true,
    defaultImplementation: null,
    extendedBy: null,
    extendsInterfaces: null,
    fields: object.fields.map(describeField),
    implementedBy: null,
    implementsInterfaces: null,
    listviewable: null,
    lookupLayoutable: null,
    namedLayoutInfos: [],
    networkScopeFieldName: null,
    recordTypeInfos: [],
    searchLayoutable: true,
    sobjectDescribeOption: 'FULL',
    supportedScopes: [{ label: 'All records', name: 'everything' }],
    ...(objectSummary(object, base) as Record<string, Json>),
    urls: urlsOf(object, base),
  }
}

function urlsOf({ name, keyPrefix }: Sobject, base: BasePath): Json {
  const url = `${base}/sobjects/${name}`
  const pages = 'https://sandbox.my.salesforce.com'
  return {
    compactLayouts: `${url}/describe/compactLayouts`,
    rowTemplate: `${url}/{ID}`,
    approvalLayouts: `${url}/describe/approvalLayouts`,
    uiDetailTemplate: `${pages}/{ID}`,
    uiEditTemplate: `${pages}/{ID}/e`,
    listviews: `${url}/listviews`,
    describe: `${url}/describe`,
    uiNewRecord: `${pages}/${keyPrefix}/e`,
    quickActions: `${url}/quickActions`,
    layouts: `${url}/describe/layouts`,
    sobject: url,
  }
}

const soapTypes: Record<FieldType, string> = {
  id: 'tns:ID',
  reference: 'tns:ID',
  string: 'xsd:string',
  textarea: 'xsd:string',
  phone: 'xsd:string',
  url: 'xsd:string',
  email: 'xsd:string',
  picklist: 'xsd:string',
  multipicklist: 'xsd:string',
  boolean: 'xsd:boolean',
  int: 'xsd:int',
  double: 'xsd:double',
  currency: 'xsd:double',
  percent: 'xsd:double',
  date: 'xsd:date',
  datetime: 'xsd:dateTime',
  time: 'xsd:time',
  address: 'urn:address',
}

const ungrouped: readonly FieldType[] = ['datetime', 'address']

const count = (number: number): Json => new JsonNumber(String(number))

function describeField(field: Field): Json {
  const long = field.length > 255
  return {
    aggregatable: !['boolean', 'address', 'multipicklist'].includes(field.type) && !long,
    aiPredictionField: false,
    autoNumber: field.autoNumber,
    byteLength: count(field.type === 'reference' || field.type === 'id' ? 18 : field.length * 3),
    calculated: field.formula !== null,
    calculatedFormula: field.formula,
    cascadeDelete: false,
    caseSensitive: false,
    compoundFieldName: field.compoundFieldName,
    controllerName: null,
    createable: field.createable,
    custom: field.custom,
    defaultValue: field.type === 'boolean' ? field.defaultValue : null,
    defaultValueFormula: null,
    defaultedOnCreate: field.defaultedOnCreate,
    dependentPicklist: false,
    deprecatedAndHidden: false,
    digits: count(field.digits),
    displayLocationInDecimal: false,
    encrypted: false,
    externalId: field.externalId,
    extraTypeInfo: field.type === 'textarea' ? 'plaintextarea' : null,
    filterable: field.filterable,
    filteredLookupInfo: null,
    formulaTreatNullNumberAsZero: false,
    groupable: field.filterable && field.precision === 0 && !ungrouped.includes(field.type),
    highScaleNumber: false,
    htmlFormatted: false,
    idLookup: field.idLookup,
    inlineHelpText: null,
    label: field.label,
    length: count(field.length),
    mask: null,
    maskType: null,
    name: field.name,
    nameField: field.nameField,
    namePointing: false,
    nillable: field.nillable,
    permissionable: field.nillable && (field.createable || field.type === 'address'),
    picklistValues: field.picklist.map((value) => ({
      active: true,
      defaultValue: value === field.defaultValue,
      label: value,
      validFor: null,
      value,
    })),
    polymorphicForeignKey: false,
    precision: count(field.precision),
    queryByDistance: field.type === 'address',
    referenceTargetField: null,
    referenceTo: [...field.referenceTo],
    relationshipName: field.relationshipName,
    relationshipOrder: null,
    restrictedDelete: false,
    restrictedPicklist: field.restrictedPicklist,
    scale: count(field.scale),
    searchPrefilterable: false,
    soapType: soapTypes[field.type],
    sortable: field.sortable,
    type: field.type,
    unique: field.unique,
    updateable: field.updateable,
    writeRequiresMasterRead: false,
  }
}
