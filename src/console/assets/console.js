// Room console: what browsers with script add to pages that work without: copying, live parts, choosing a region.

const notLive = 'not live – reload'
const said = document.getElementById('said')

function say(text) {
  if (said !== null) said.textContent = text
}

function addCopying(root) {
  for (const button of root.querySelectorAll('[data-copy]')) {
    button.hidden = false
    button.addEventListener('click', async () => {
      const source = document.getElementById(button.dataset.copy)
      try {
        await navigator.clipboard.writeText(source.textContent)
        button.textContent = 'Copied'
        say('Copied')
      } catch {
        select(source)
        say('Selected: copy it with the keyboard')
      }
      setTimeout(() => button.textContent = 'Copy', 2000)
    })
  }
}

/** Browsers let only secure pages copy; elsewhere the text is selected. */
function select(element) {
  const range = document.createRange()
  range.selectNodeContents(element)
  const selection = getSelection()
  selection.removeAllRanges()
  selection.addRange(range)
}

/** Puts what the server has drawn in place of what the element holds; focus and open details stay where they were. */
function redraw(element, nodes) {
  const active = element.contains(document.activeElement) ? keyOf(document.activeElement) : null
  const open = new Set([...element.querySelectorAll('details[open] > summary')].map(keyOf))
  const scrolls = [...element.querySelectorAll('.scroll')].map((each) => each.scrollLeft)
  element.replaceChildren(...nodes)
  for (const summary of element.querySelectorAll('summary')) {
    if (open.has(keyOf(summary))) summary.parentElement.open = true
  }
  for (const [index, each] of [...element.querySelectorAll('.scroll')].entries()) {
    each.scrollLeft = scrolls[index] ?? 0
  }
  if (active !== null) {
    const again = [...element.querySelectorAll('a, button, summary, [tabindex]')]
    again.find((each) => keyOf(each) === active)?.focus({ preventScroll: true })
  }
}

function keyOf(element) {
  const { id, ariaLabel, textContent } = element
  return [element.tagName, id, element.getAttribute('href'), ariaLabel, textContent].join('\n')
}

function parse(text) {
  return new DOMParser().parseFromString(text, 'text/html').body
}

/** Live while somebody looks: a page that is hidden, or kept in the browser's memory, asks for nothing. */
function addLive(element) {
  let source = null
  const close = () => {
    source?.close()
    source = null
  }
  const open = () => {
    if (source === null && !document.hidden) source = listen(element)
  }
  open()
  addEventListener('pagehide', close)
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) open()
  })
  document.addEventListener('visibilitychange', () => document.hidden ? close() : open())
}

function showState(element, text) {
  const mark = document.querySelector('[data-live-mark]') ?? markAbove(element)
  mark.textContent = text
  mark.hidden = text === ''
  mark.classList.toggle('off', text !== 'live')
}

/** Where a page has no mark, there is one above the part that is live no more. */
function markAbove(element) {
  const mark = document.createElement('p')
  mark.className = 'live-mark'
  mark.dataset.liveMark = ''
  element.before(mark)
  return mark
}

function listen(element) {
  const source = new EventSource(element.dataset.live)
  source.addEventListener('open', () => showState(element, 'live'))
  source.addEventListener('error', () => {
    // closed: the browser does not ask again, since nobody is logged in any more, or the answer was none
    const over = source.readyState === EventSource.CLOSED
    showState(element, over ? notLive : '')
    if (over) say(notLive)
  })
  source.addEventListener('message', ({ data }) => {
    const body = parse(data)
    if (body.innerHTML === element.innerHTML) return
    // nothing is taken from under the hand of somebody who marks text or types
    const marked = getSelection()
    const busy = marked !== null && !marked.isCollapsed && element.contains(marked.anchorNode)
    if (busy) return
    const before = element.querySelector('[data-say]')?.textContent
    redraw(element, [...body.childNodes])
    const after = element.querySelector('[data-say]')?.textContent
    if (after !== undefined && after !== before) say(after)
  })
  return source
}

/** The part of the page that a form asks for, without leaving the page. */
function addSwap(form) {
  form.querySelector('[data-auto]')?.setAttribute('hidden', '')
  form.addEventListener('change', async ({ target }) => {
    const url = new URL(form.action)
    url.search = new URLSearchParams(new FormData(form)).toString()
    const response = await fetch(url, { credentials: 'same-origin' })
    if (!response.ok || response.redirected) return form.submit()
    const name = form.dataset.swap
    const fresh = parse(await response.text()).querySelector(`#${name}`)
    const old = document.getElementById(name)
    if (fresh === null || old === null) return form.submit()
    const opened = old.querySelector('details')?.open === true
    old.replaceWith(fresh)
    if (opened) fresh.querySelector('details').open = true
    enhance(fresh)
    url.hash = ''
    history.replaceState(null, '', url)
    document.getElementById(target.id)?.focus({ preventScroll: true })
    say(`Shown for ${document.getElementById(target.id)?.selectedOptions[0]?.textContent ?? ''}`)
  })
}

function addChecks(root) {
  for (const tools of root.querySelectorAll('[data-all]')) {
    tools.hidden = false
    tools.addEventListener('click', ({ target }) => {
      if (target.dataset.check === undefined) return
      const list = document.getElementById(tools.dataset.all)
      for (const box of list.querySelectorAll('input[type=checkbox]')) {
        box.checked = target.dataset.check === 'all'
      }
    })
  }
}

/** Whoever fills in what belongs to a choice has chosen it. */
function addChoosing(root) {
  for (const part of root.querySelectorAll('[data-chooses]')) {
    part.addEventListener('input', ({ target }) => {
      if (target.value === '') return
      const choice = part.closest('fieldset').querySelector(
        `input[type=radio][value="${part.dataset.chooses}"]`,
      )
      choice.checked = true
    })
  }
}

/** A form is sent once, however often somebody clicks. */
function addOnce(form) {
  form.addEventListener('submit', () => {
    const button = form.querySelector('button:not([type=button])')
    setTimeout(() => {
      if (button !== null) button.disabled = true
    })
  })
}

function enhance(root) {
  addCopying(root)
  addChecks(root)
  addChoosing(root)
  for (const form of root.querySelectorAll('form[data-swap]')) addSwap(form)
  for (const form of root.querySelectorAll('form[method=post]')) addOnce(form)
}

enhance(document)
for (const element of document.querySelectorAll('[data-live]')) addLive(element)
// a page that comes out of the browser's memory can be sent again
addEventListener('pageshow', () => {
  for (const button of document.querySelectorAll('form[method=post] button')) {
    button.disabled = false
  }
})
