// Bench: the contacts that are written, the same for every variant.

/** Column → value. */
export interface NewContact {
  readonly first_name: string
  readonly last_name: string
  readonly email: string
  readonly phone: string
  readonly title: string
}

export const contactColumns = ['first_name', 'last_name', 'email', 'phone', 'title'] as const

let made = 0

/** So many contacts that were never made before: Salesforce refuses a duplicate. */
export function makeContacts(count: number): NewContact[] {
  return Array.from({ length: count }, () => {
    made += 1
    return {
      first_name: 'Duncan',
      last_name: `Idaho ${made}`,
      email: `duncan.${made}@dune.example`,
      phone: `+1 555 ${String(made).padStart(7, '0')}`,
      title: 'Swordmaster',
    }
  })
}
