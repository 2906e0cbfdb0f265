// What has the focus, by its name; and whether that can be seen. Evaluated in a page.
;(() => {
  const element = document.activeElement
  if (element === null || element === document.body) return ''
  const label = element.labels?.[0]?.textContent
  const name = element.getAttribute('aria-label') ?? label ?? element.textContent ?? ''
  const unseen = getComputedStyle(element).outlineStyle === 'none'
  return `${unseen ? 'UNSEEN ' : ''}${name.trim().replaceAll(/\s+/g, ' ')}`
})()
