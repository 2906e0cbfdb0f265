// Room sandbox: parameters as Stripe reads them: form-encoded, nested with brackets.
// https://docs.stripe.com/api/request_ids shows `metadata[order_id]=6735`; lists are `expand[]=a` or `items[0][price]=b`.

/** A parameter: its text, or what stands below it by name. A list's names are its indices. */
export type Form = string | FormHash
export type FormHash = ReadonlyMap<string, Form>
type Growing = Map<string, string | Growing>

const depthMax = 10

/** Reads form-encoded text. Of values with the same name the last counts. */
export function readForm(text: string): FormHash {
  const root: Growing = new Map()
  for (const [name, value] of new URLSearchParams(text)) place(root, segmentsOf(name), value)
  return root
}

/** The same parameters as one text, whatever order they came in. */
export function formText(form: Form): string {
  if (typeof form === 'string') return JSON.stringify(form)
  const members = [...form].map(([name, value]) => `${JSON.stringify(name)}:${formText(value)}`)
  return `{${members.toSorted().join(',')}}`
}

function segmentsOf(name: string): string[] {
  const head = /^[^[]*/.exec(name)?.[0] ?? ''
  const rest = name.slice(head.length)
  if (!/^(?:\[[^\]]*\])*$/.test(rest)) return [name]
  const segments = [head, ...[...rest.matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? '')]
  return segments.length > depthMax ? [name] : segments
}

function place(hash: Growing, [name = '', ...rest]: readonly string[], value: string): void {
  const key = name === '' ? nextIndex(hash, rest) : name
  if (rest.length === 0) {
    hash.set(key, value)
    return
  }
  const below = hash.get(key)
  const next: Growing = below instanceof Map ? below : new Map()
  hash.set(key, next)
  place(next, rest, value)
}

/** `a[][b]=1&a[][c]=2` is one item, `a[][b]=1&a[][b]=2` are two. */
function nextIndex(hash: Growing, rest: readonly string[]): string {
  const last = hash.get(String(hash.size - 1))
  const [below] = rest
  const open = below !== undefined && below !== '' && last instanceof Map && !last.has(below)
  return String(open ? hash.size - 1 : hash.size)
}
