// What a person with a screen reader, or without a mouse, would stumble over; evaluated in a page.
;(() => {
  const found = []
  const shown = (element) => element.getClientRects().length > 0
  const words = (element) => element.outerHTML.slice(0, 120)

  if (document.documentElement.lang === '') found.push('the page has no language')
  if (document.title === '') found.push('the page has no title')
  if (document.querySelectorAll('main').length !== 1) found.push('there is not one main')
  if (document.querySelectorAll('h1').length !== 1) found.push('there is not one h1')

  let before = 0
  for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const level = Number(heading.tagName.slice(1))
    if (level > before + 1) found.push(`heading skips a level: ${words(heading)}`)
    before = level
  }

  const ids = new Map()
  for (const { id } of document.querySelectorAll('[id]')) ids.set(id, (ids.get(id) ?? 0) + 1)
  for (const [id, count] of ids) if (count > 1) found.push(`id "${id}" stands ${count} times`)

  for (const input of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    const { labels } = input
    if ((labels?.length ?? 0) === 0 && !input.hasAttribute('aria-label')) {
      found.push(`nobody knows what this is for: ${words(input)}`)
    }
  }
  for (const element of document.querySelectorAll('a, button, summary')) {
    const name = element.getAttribute('aria-label') ?? element.textContent ?? ''
    if (name.trim() === '') found.push(`it has no name: ${words(element)}`)
  }
  for (const attribute of ['aria-describedby', 'aria-labelledby', 'for']) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      // for has one id, the others any number of them
      for (const id of (element.getAttribute(attribute) ?? '').split(' ')) {
        if (document.getElementById(id) === null) found.push(`${attribute} leads nowhere: ${id}`)
      }
    }
  }
  for (const table of document.querySelectorAll('table')) {
    if (table.caption === null) found.push(`a table has no caption: ${words(table)}`)
    for (const head of table.querySelectorAll('thead th')) {
      if (!head.hasAttribute('scope')) found.push(`a heading has no scope: ${words(head)}`)
    }
  }
  for (const svg of document.querySelectorAll('svg')) {
    const named = svg.getAttribute('role') === 'img' && svg.hasAttribute('aria-label')
    if (!named && svg.getAttribute('aria-hidden') !== 'true') {
      found.push(`a drawing says nothing: ${words(svg)}`)
    }
  }
  for (const button of document.querySelectorAll('button, .button')) {
    const box = button.getBoundingClientRect()
    if (shown(button) && (box.height < 24 || box.width < 24)) {
      found.push(`it is too small to be hit: ${words(button)}`)
    }
  }
  const wide = document.documentElement.scrollWidth - innerWidth
  if (wide > 0) found.push(`the page is ${wide} px too wide`)
  return found
})()
