// Room sandbox: the Opportunity object of the emulated org, and what a stage says about it.

import { area, checkbox, decimal, field, lookup, needed, owner, picklist } from '../field.ts'
import { readOnly, systemFields, text } from '../field.ts'
import { leadSources } from './account.ts'
import type { ObjectDefinition } from './definition.ts'

const { head, tail } = systemFields('Opportunity')

export interface Stage {
  readonly name: string
  /** Percent. */
  readonly probability: string
  readonly closed: boolean
  readonly won: boolean
  readonly forecast: 'Pipeline' | 'BestCase' | 'Closed' | 'Omitted'
}

const stage = (name: string, probability: string, forecast: Stage['forecast']): Stage => ({
  name,
  probability,
  closed: forecast === 'Closed' || forecast === 'Omitted',
  won: forecast === 'Closed',
  forecast,
})

export const stages: readonly Stage[] = [
  stage('Prospecting', '10', 'Pipeline'),
  stage('Qualification', '10', 'Pipeline'),
  stage('Needs Analysis', '20', 'Pipeline'),
  stage('Value Proposition', '50', 'Pipeline'),
  stage('Id. Decision Makers', '60', 'Pipeline'),
  stage('Perception Analysis', '70', 'Pipeline'),
  stage('Proposal/Price Quote', '75', 'Pipeline'),
  stage('Negotiation/Review', '90', 'BestCase'),
  stage('Closed Won', '100', 'Closed'),
  stage('Closed Lost', '0', 'Omitted'),
]

const types = [
  'Existing Customer - Upgrade',
  'Existing Customer - Replacement',
  'Existing Customer - Downgrade',
  'New Customer',
]

export const opportunity: ObjectDefinition = {
  name: 'Opportunity',
  label: 'Opportunity',
  labelPlural: 'Opportunities',
  keyPrefix: '006',
  writable: true,
  fields: [
    ...head,
    lookup('AccountId', 'Account ID', { to: 'Account', cascadeDelete: true }),
    text('Name', 'Name', { length: 120, nameField: true, ...needed }),
    area('Description', 'Description', { length: 32000 }),
    picklist('StageName', 'Stage', { values: stages.map(({ name }) => name), ...needed }),
    decimal('Amount', 'Amount', { type: 'currency', precision: 18, scale: 2 }),
    decimal('Probability', 'Probability (%)', {
      type: 'percent',
      precision: 3,
      scale: 0,
      defaultedOnCreate: true,
    }),
    decimal('ExpectedRevenue', 'Expected Amount', {
      type: 'currency',
      precision: 18,
      scale: 2,
      ...readOnly,
    }),
    decimal('TotalOpportunityQuantity', 'Quantity', { type: 'double', precision: 18, scale: 2 }),
    field('CloseDate', 'Close Date', { type: 'date', ...needed }),
    picklist('Type', 'Opportunity Type', { values: types }),
    text('NextStep', 'Next Step'),
    picklist('LeadSource', 'Lead Source', { values: leadSources }),
    checkbox('IsClosed', 'Closed', readOnly),
    checkbox('IsWon', 'Won', readOnly),
    picklist('ForecastCategory', 'Forecast Category', {
      values: ['Omitted', 'Pipeline', 'BestCase', 'Forecast', 'Closed'],
      nillable: false,
      defaultedOnCreate: true,
      ...readOnly,
    }),
    picklist('ForecastCategoryName', 'Forecast Category', {
      values: ['Omitted', 'Pipeline', 'Best Case', 'Commit', 'Closed'],
      defaultedOnCreate: true,
    }),
    checkbox('HasOpportunityLineItem', 'Has Line Item', readOnly),
    owner(),
    ...tail,
    field('LastActivityDate', 'Last Activity', { type: 'date', ...readOnly }),
    field('FiscalQuarter', 'Fiscal Quarter', { type: 'int', digits: 9, ...readOnly }),
    field('FiscalYear', 'Fiscal Year', { type: 'int', digits: 9, ...readOnly }),
    text('Fiscal', 'Fiscal Period', { length: 6, ...readOnly }),
  ],
}
