// Room console: the stylesheet, the script and the icon, under names that change with what is in them, so that browsers may
// keep them for good.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export interface Asset {
  /** `console.3f2a9c….css` */
  readonly name: string
  readonly type: string
  readonly body: string
}

export interface Assets {
  readonly style: Asset
  readonly script: Asset
  readonly icon: Asset
}

function load(file: string, type: string): Asset {
  const body = readFileSync(new URL(`./assets/${file}`, import.meta.url), 'utf8')
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16)
  return { name: file.replace('.', `.${hash}.`), type, body }
}

/** Reads them from beside this file. */
export function loadAssets(): Assets {
  return {
    style: load('console.css', 'text/css; charset=utf-8'),
    script: load('console.js', 'text/javascript; charset=utf-8'),
    icon: load('icon.svg', 'image/svg+xml'),
  }
}
