// Workers: `sluice dev`, `listener`, `service`, `sync`: this process becomes one of Sluice's. Signals come to it alone.

/** Everything on this machine. */
export async function dev(): Promise<null> {
  await import('../dev.ts')
  return null
}

export async function listener(): Promise<null> {
  await import('../listener.ts')
  return null
}

export async function service(): Promise<null> {
  await import('../mutations.ts')
  return null
}

export async function sync(): Promise<null> {
  await import('../sync.ts')
  return null
}
