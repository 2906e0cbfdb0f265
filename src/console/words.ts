// Room console: numbers, durations and moments as people read them.

const numbers = new Intl.NumberFormat('en-US')
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** `12,345`; null: `–`. */
export function number(value: number | null): string {
  return value === null ? '–' : numbers.format(Math.round(value))
}

/** `12.3K` beyond ten thousand. */
export function compact(value: number): string {
  return value < 10_000 ? number(value) : short.format(value)
}

/** `42 ms`, `1.23 s`, `3 min`; null: `–`. */
export function duration(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 1) return '<1 ms'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(2)} s`
  return span(ms / 1_000)
}

/** `42 s`, `3 min`, `5 h`, `2 d`. */
export function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} d`
}

/** `1 row`, `2 rows`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`
}

/** `99.7 %`; null: `–`. */
export function percent(share: number | null): string {
  if (share === null) return '–'
  // what is not whole must not look so
  const tenths = share < 1 ? Math.min(Math.floor(share * 1_000), 999) : 1_000
  return `${(tenths / 10).toFixed(1)} %`
}

/** `2026-11-26 06:24:21` in UTC, of an ISO moment. */
export function moment(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ')
}

/** `06:24:21.123` in UTC, of an ISO moment. */
export function clock(iso: string): string {
  return iso.slice(11, 23)
}

/** Milliseconds between two ISO moments; null where one is missing. */
export function between(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : Math.max(0, Date.parse(to) - Date.parse(from))
}

const platformNames: Readonly<Record<string, string>> = {
  salesforce: 'Salesforce',
  hubspot: 'HubSpot',
  stripe: 'Stripe',
  airtable: 'Airtable',
  github: 'GitHub',
}

/** The platform as it calls itself. */
export function platformName(platform: string): string {
  return Object.hasOwn(platformNames, platform) ? platformNames[platform] ?? platform : platform
}
