// Room sandbox: the records of the seed, as values.

import { type Json, JsonNumber } from '../json.ts'
import type { Value } from './values.ts'

type Fields = Readonly<Record<string, Json>>

const number = (text: string): JsonNumber => new JsonNumber(text)

const user = (
  first: string,
  last: string,
  email: string,
  isActive: boolean,
): Record<string, Value> => ({
  Username: email,
  FirstName: first,
  LastName: last,
  Name: `${first} ${last}`,
  Email: email,
  Alias: first.slice(0, 8).toLowerCase(),
  IsActive: isActive,
  TimeZoneSidKey: 'GMT',
  LocaleSidKey: 'en_US',
  UserType: 'Standard',
})

/** The first is the user behind every token; the last has left. */
export const users: readonly Readonly<Record<string, Value>>[] = [
  user('Irulan', 'Corrino', 'irulan@corrino.example', true),
  user('Thufir', 'Hawat', 'thufir@atreides.example', true),
  user('Wellington', 'Yueh', 'yueh@suk.example', false),
]

const account = (name: string, city: string, rest: Fields): Fields => ({
  Name: name,
  BillingCity: city,
  Website: `https://${name.split(' ').at(-1)?.toLowerCase() ?? ''}.example`,
  ...rest,
})

export const accounts: readonly Fields[] = [
  account('House Atreides', 'Arrakeen', {
    Type: 'Customer - Direct',
    Industry: 'Government',
    NumberOfEmployees: number('85000'),
    AnnualRevenue: number('350000000'),
    BillingStreet: '1 Palace Way',
    BillingCountry: 'Arrakis',
    Rating: 'Hot',
  }),
  account('House Harkonnen', 'Carthag', {
    Type: 'Prospect',
    Industry: 'Manufacturing',
    NumberOfEmployees: number('99000'),
    AnnualRevenue: number('999999999999999999'),
    BillingCountry: 'Giedi Prime',
  }),
  account('House Corrino', 'Kaitain', { Type: 'Other', Industry: 'Government' }),
  account('Sietch Tabr', 'Sietch Tabr', {
    Type: 'Customer - Channel',
    Industry: 'Environmental',
    NumberOfEmployees: number('20000'),
    BillingCountry: 'Arrakis',
  }),
  account('Spacing Guild', 'Junction', {
    Type: 'Technology Partner',
    Industry: 'Transportation',
    Phone: '+1 555 0100',
  }),
]

/** `account`: position in `accounts`; null for a contact without one. */
interface SeedContact extends Fields {
  readonly account: number | null
}

const contact = (
  account: number | null,
  [first, last]: readonly [string | null, string],
  rest: Fields,
): SeedContact => ({ FirstName: first, LastName: last, ...rest, account })

export const contacts: readonly SeedContact[] = [
  contact(0, ['Paul', 'Atreides'], {
    Email: 'paul@atreides.example',
    External_Id__c: 'dune-1',
    Title: 'Duke',
    Favorite_Color__c: 'Blue',
    Lifetime_Value__c: number('1234567890123456.78'),
    Score__c: number('99.9999'),
    Visits__c: number('900719925474099301'),
    Is_Vip__c: true,
    Interests__c: 'Sandworms;Prophecy',
    Joined_On__c: '2025-03-01',
    Last_Seen__c: '2026-01-04T18:30:00Z',
    Preferred_Time__c: '09:30:00.000Z',
    MailingStreet: '1 Palace Way',
    MailingCity: 'Arrakeen',
    MailingCountry: 'Arrakis',
  }),
  contact(0, ['Jessica', 'Atreides'], {
    Email: 'jessica@atreides.example',
    External_Id__c: 'dune-2',
    Title: 'Lady',
    Favorite_Color__c: 'Green',
    Interests__c: 'Politics;Prophecy',
  }),
  contact(0, ['Leto', 'Atreides'], { Email: 'leto@atreides.example', External_Id__c: 'dune-3' }),
  contact(0, ['Duncan', 'Idaho'], {
    Email: 'duncan@atreides.example',
    External_Id__c: 'dune-4',
    Title: 'Swordmaster',
    Phone: '+1 555 0104',
    Interests__c: 'Swordplay',
  }),
  contact(0, ['Gurney', 'Halleck'], {
    Email: 'gurney@atreides.example',
    External_Id__c: 'dune-5',
    Score__c: number('0.0001'),
    Description: 'Plays the baliset.\nQuotes much; sings more.',
  }),
  contact(0, ['Thufir', 'Hawat'], { Email: 'thufir@atreides.example', Title: 'Mentat' }),
  contact(0, ['Alia', 'Atreides'], { Email: 'alia@atreides.example', Birthdate: '2024-06-30' }),
  contact(3, ['Chani', 'Kynes'], {
    Email: 'chani@tabr.example',
    External_Id__c: 'dune-8',
    Favorite_Color__c: 'Blue',
    Interests__c: 'Spice;Sandworms',
    Is_Vip__c: true,
  }),
  contact(3, [null, 'Stilgar'], { Email: 'stilgar@tabr.example', Title: 'Naib' }),
  contact(3, ['Liet', 'Kynes'], { Email: 'liet@tabr.example', Interests__c: 'Ecology' }),
  contact(3, [null, 'Jamis'], { DoNotCall: true }),
  contact(3, [null, 'Harah'], { Email: 'harah@tabr.example' }),
  contact(1, ['Vladimir', 'Harkonnen'], {
    Email: 'baron@harkonnen.example',
    External_Id__c: 'dune-13',
    Favorite_Color__c: 'Red',
    Lifetime_Value__c: number('-0.01'),
  }),
  contact(1, ['Feyd-Rautha', 'Harkonnen'], { Email: 'feyd@harkonnen.example' }),
  contact(1, ['Glossu', 'Rabban'], { Email: 'rabban@harkonnen.example' }),
  contact(1, ['Piter', 'De Vries'], { Email: 'piter@harkonnen.example', Title: 'Mentat' }),
  contact(2, ['Shaddam', 'Corrino'], { Email: 'shaddam@corrino.example', Salutation: 'Mr.' }),
  contact(2, ['Gaius Helen', 'Mohiam'], { Email: 'mohiam@bene-gesserit.example' }),
  contact(4, [null, 'Edric'], { Email: 'edric@guild.example', Preferred_Time__c: '23:59:59Z' }),
  contact(null, ['Esmar', 'Tuek'], { Email: 'tuek@smugglers.example', LeadSource: 'Other' }),
]

export const leads: readonly Fields[] = [
  {
    FirstName: 'Hasimir',
    LastName: 'Fenring',
    Company: 'Imperial Court',
    Email: 'fenring@corrino.example',
  },
  {
    FirstName: 'Margot',
    LastName: 'Fenring',
    Company: 'Imperial Court',
    Status: 'Working - Contacted',
  },
  {
    LastName: 'Scytale',
    Company: 'Bene Tleilax',
    Rating: 'Cold',
    AnnualRevenue: number('12000000'),
  },
]

export const opportunities: readonly (Fields & { readonly account: number })[] = [
  {
    account: 0,
    Name: 'Spice harvest 10191',
    StageName: 'Negotiation/Review',
    CloseDate: '2026-12-31',
    Amount: number('1000000.50'),
  },
  {
    account: 1,
    Name: 'Harvester fleet',
    StageName: 'Closed Won',
    CloseDate: '2026-02-14',
    Amount: number('250000'),
  },
  { account: 4, Name: 'Heighliner passage', StageName: 'Prospecting', CloseDate: '2026-06-01' },
]

/** `contact`: position in `contacts`. */
export const projects: readonly (Fields & { readonly contact: number })[] = [
  {
    contact: 0,
    Name: 'Desert power',
    Budget__c: number('12345678901234.56'),
    Secret_Notes__c: 'Nobody may know about the water.',
  },
  { contact: 9, Name: 'Green Arrakis', Budget__c: number('500') },
]
