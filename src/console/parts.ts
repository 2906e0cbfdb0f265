// Room console: the small parts that pages share.

import { type Html, html, nothing } from './html.ts'
import type { Fault, Finding } from './shapes.ts'
import { moment } from './words.ts'

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'plain'

/** A state: a word and a colour. */
export function badge(text: string, tone: Tone): Html {
  return html`<span class="badge ${tone}">${text}</span>`
}

export interface Cell {
  readonly value: Html | string
  /** num: to the right, its digits under each other; wide: may be broken. */
  readonly kind?: 'num' | 'wide' | 'code' | 'row'
}

export interface TableParts {
  readonly caption: string
  /** The caption is only for those who do not see the heading above. */
  readonly captionHidden?: boolean
  readonly head: readonly (string | { readonly text: string; readonly kind: 'num' })[]
  readonly rows: readonly (readonly Cell[])[]
  /** In place of rows where there are none. */
  readonly empty?: Html | string
}

/**
 * A table that scrolls sideways by itself where it is wider than the screen; on a phone each row is a block with the
 * headings beside its values. The roles are said, since browsers forget them where a table is drawn as something else.
 */
export function table({ caption, captionHidden = true, head, rows, empty }: TableParts): Html {
  if (rows.length === 0 && empty !== undefined) return html`<p class="empty">${empty}</p>`
  return html`
    <div class="scroll" role="region" aria-label="${caption}" tabindex="0">
      <table role="table">
        <caption${captionHidden
          ? html`
            class="visually-hidden"
          `
          : nothing}>${caption}</caption>
    <thead role="rowgroup"><tr role="row">${head.map((column) =>
      typeof column === 'string'
        ? html`<th role="columnheader" scope="col">${column}</th>`
        : html`<th role="columnheader" scope="col" class="num">${column.text}</th>`
    )}</tr></thead>
    <tbody role="rowgroup">${rows.map((cells) =>
      html`<tr role="row">${cells.map((cell, index) => cellOf(cell, labelOf(head[index])))}</tr>\n`
    )}</tbody></table></div>
  `
}

function labelOf(column: TableParts['head'][number] | undefined): string {
  return typeof column === 'object' ? column.text : column ?? ''
}

function cellOf({ value, kind }: Cell, label: string): Html {
  if (kind === 'row') return html`<th role="rowheader" scope="row">${value}</th>`
  const named = label === '' ? nothing : html`
    data-label="${label}"
  `
  const content = value === '' ? nothing : html`<div>${value}</div>`
  return html`<td role="cell" class="${kind ?? ''}" ${named}>${content}</td>`
}

export interface FieldParts {
  readonly id: string
  /** As the id when absent. */
  readonly name?: string
  readonly label: string
  readonly hint?: Html | string
  readonly value?: string
  readonly type?: 'text' | 'password' | 'url' | 'search'
  readonly required?: boolean
  readonly rows?: number
  readonly placeholder?: string
  readonly optional?: boolean
  readonly autofocus?: boolean
  /** What is wrong with the value. */
  readonly problem?: string
}

/** A labelled input, or a textarea where it has rows. */
export function field(parts: FieldParts): Html {
  const { id, label, hint, optional = false, problem } = parts
  return html`
    <div
      class="field"><label for="${id}">${label}${optional
        ? html`
          <span class="muted">(optional)</span>
        `
        : nothing}</label>${problem === undefined
        ? nothing
        : html`<p class="hint bad-text" id="${id}-problem" role="alert">${problem}</p>`}${inputOf(
          parts,
        )}${hint === undefined ? nothing : html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>
  `
}

function inputOf(
  { id, name = id, hint, value = '', type = 'text', rows, problem, ...rest }: FieldParts,
): Html {
  const about = [
    ...problem === undefined ? [] : [`${id}-problem`],
    ...hint === undefined ? [] : [`${id}-hint`],
  ]
  const more = html`${
    rest.required === true
      ? html`
        required
      `
      : nothing
  }${
    rest.autofocus === true
      ? html`
        autofocus
      `
      : nothing
  }${
    problem === undefined ? nothing : html`
      aria-invalid="true"
    `
  }${
    about.length === 0 ? nothing : html`
      aria-describedby="${about.join(' ')}"
    `
  }${
    rest.placeholder === undefined ? nothing : html`
      placeholder="${rest.placeholder}"
    `
  } spellcheck="false" autocapitalize="none"`
  if (rows !== undefined) {
    // what stands in a textarea is what it holds: no space may be put there
    // deno-fmt-ignore
    return html`<textarea id="${id}" name="${name}" rows="${rows}"${more}>\n${value}</textarea>`
  }
  const complete = type === 'password' ? 'off' : 'on'
  return html`
    <input id="${id}" name="${name}" type="${type}" value="${value}"
      autocomplete="${complete}" ${more}>
  `
}

/** Text with a button that copies it, where there is script. */
export function copyable(
  { id, label, text, multiline = false }: {
    id: string
    label: string
    text: string
    multiline?: boolean
  },
): Html {
  return html`
    <div
      class="copy${multiline
        ? ' tall'
        : ''}"><span class="copy-label" id="${id}-label">${label}</span><pre tabindex="0" role="group" aria-labelledby="${id}-label"><code id="${id}">${text}</code></pre><button type="button" class="small" data-copy="${id}" aria-label="Copy ${label}" hidden>Copy</button></div>
  `
}

export interface NoticeParts {
  readonly tone: Exclude<Tone, 'plain'>
  readonly title: string
  readonly body?: Html | string
}

/** What somebody should read first. */
export function notice({ tone, title, body = '' }: NoticeParts): Html {
  return html`
    <div class="notice ${tone}" ${tone === 'bad'
      ? html`
        role="alert"
      `
      : nothing}><p class="notice-title">${title}</p>${body === ''
      ? nothing
      : html`<div>${body}</div>`}</div>
  `
}

/** A moment, in full for machines. */
export function time(iso: string, text = moment(iso)): Html {
  return html`<time datetime="${iso}">${text}</time>`
}

/** Names and values, one below the other. */
export function facts(pairs: readonly (readonly [string, Html | string])[]): Html {
  return html`<dl class="facts">${
    pairs.map(([name, value]) =>
      html`
        <div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>
      `
    )
  }</dl>`
}

/** What a check found, each with what to do. */
export function findingList(findings: readonly Finding[]): Html {
  const tones = { ok: 'ok', warn: 'warn', fail: 'bad' } as const
  return html`<ul class="findings">${
    findings.map(({ level, check, about, hint }) =>
      html`<li>${badge(level, tones[level])}<div><strong>${check}</strong> <span>${about}</span>${
        hint === undefined ? nothing : html`<p class="hint">${hint}</p>`
      }</div></li>`
    )
  }</ul>`
}

/** An error in the words of the catalogue and of the platform. */
export function faultBox({ code, sqlstate, message, detail, hint }: Fault): Html {
  return notice({
    tone: 'bad',
    title: message,
    body: html`
      <p
        class="muted"><code>${code}</code> · SQLSTATE <code>${sqlstate}</code></p>${detail ===
            undefined
          ? nothing
          : html`<p class="said">${detail}</p>`}${hint === undefined
          ? nothing
          : html`<p class="said"><strong>Hint</strong> ${hint}</p>`}
    `,
  })
}

/** The way back. */
export function crumbs(links: readonly (readonly [string, string])[], here: string): Html {
  return html`
    <nav class="crumbs" aria-label="Breadcrumb">
      <ol>${links.map(([text, href]) =>
        html`<li><a href="${href}">${text}</a></li>`
      )}<li aria-current="page">${here}</li></ol>
    </nav>
  `
}
