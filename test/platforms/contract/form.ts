// Form-encoded parameters with brackets, as Stripe takes them, back as what they stand for.

type Tree = string | { [name: string]: Tree }

/** `a[0][b]=c` → `{a: [{b: 'c'}]}` */
export function readForm(text: string): unknown {
  const root: { [name: string]: Tree } = {}
  for (const [name, value] of new URLSearchParams(text)) {
    const steps = name.split('[').map((step) => step.replace(/\]$/, ''))
    let at = root
    for (const step of steps.slice(0, -1)) {
      const next = at[step]
      at = typeof next === 'object' ? next : at[step] = {}
    }
    at[steps.at(-1) ?? ''] = value
  }
  return listed(root)
}

function listed(tree: Tree): unknown {
  if (typeof tree === 'string') return tree
  const names = Object.keys(tree)
  const values = Object.values(tree).map(listed)
  const isList = names.length > 0 && names.every((name, i) => name === String(i))
  return isList ? values : Object.fromEntries(names.map((name, i) => [name, values[i]]))
}
