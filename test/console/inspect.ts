// Looks at a page of a real browser for what keeps people out. What runs in the page stands in files of its own, since it is
// no code of this runtime.

import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'

const load = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const [barriers, faint, focus, cut] = ['./barriers.js', './faint.js', './focus.js', './cut.js']
  .map(load)

/** What a person with a screen reader, or without a mouse, would stumble over, in words; none: nothing was found. */
export async function findBarriers(page: Page): Promise<string[]> {
  return await page.evaluate(barriers ?? '')
}

/** Texts whose contrast with what is behind them is below 4.5 to 1. */
export async function findFaint(page: Page): Promise<string[]> {
  return await page.evaluate(faint ?? '')
}

/** Tables that must be scrolled sideways to be read, in words. */
export async function cutOff(page: Page): Promise<string[]> {
  return await page.evaluate(cut ?? '')
}

/** The name of what has the focus; it begins with UNSEEN where nothing shows that. */
export async function focused(page: Page): Promise<string> {
  return await page.evaluate(focus ?? '')
}
