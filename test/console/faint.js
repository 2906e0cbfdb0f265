// Texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, 1.4.3); evaluated in a page.
;(() => {
  const read = (text) => (text.match(/[\d.]+/g) ?? []).map(Number)
  const light = (rgb) => {
    const [r = 0, g = 0, b = 0] = rgb.slice(0, 3).map((part) => {
      const share = part / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element) => {
    for (let each = element; each !== null; each = each.parentElement) {
      const rgb = read(getComputedStyle(each).backgroundColor)
      if (rgb.length === 3 || (rgb[3] ?? 0) === 1) return rgb
    }
    return [255, 255, 255]
  }
  const found = new Set()
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode() !== null) {
    const element = texts.currentNode.parentElement
    const text = (texts.currentNode.textContent ?? '').trim()
    if (element === null || text === '' || element.getClientRects().length === 0) continue
    const { color, fill } = getComputedStyle(element)
    const fore = element.namespaceURI?.endsWith('svg') === true ? fill : color
    const [one, other] = [light(read(fore)), light(behind(element))].sort((a, b) => b - a)
    const ratio = ((one ?? 0) + 0.05) / ((other ?? 0) + 0.05)
    if (ratio < 4.5) found.add(`${ratio.toFixed(2)} to 1: "${text.slice(0, 40)}"`)
  }
  return [...found]
})()
