// A real browser for tests: Debian's Chromium, through playwright-core.

import { existsSync } from 'node:fs'
import type { Browser } from 'playwright-core'

const places = [
  process.env['SLUICE_TEST_BROWSER'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Where Chromium is; null: there is none here. SLUICE_TEST_BROWSER names another place. */
export function findBrowser(): string | null {
  return places.find((place) => place !== undefined && existsSync(place)) ?? null
}

/** Why tests in a browser are skipped; false: they are not. */
export const withoutBrowser: string | false = findBrowser() === null
  ? 'There is no Chromium: apt-get install -y chromium, or set SLUICE_TEST_BROWSER'
  : false

/** Starts it; whoever does closes it. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = findBrowser()
  if (executablePath === null) throw new Error('There is no Chromium')
  // loaded here, so that tests without a browser need not load it
  const { chromium } = await import('playwright-core')
  return await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu'],
    timeout: 180_000, // a loaded machine takes its time
  })
}

// Deno's runner does not say why a test was skipped
if (withoutBrowser !== false) console.warn(withoutBrowser)
