// What reaches beyond the right edge of its table; evaluated in a page.
;(() =>
  [...document.querySelectorAll('.scroll')].flatMap((region) => {
    const edge = region.getBoundingClientRect().right
    const cut = [...region.querySelectorAll('tbody *')].filter((each) =>
      each.getClientRects().length > 0 && each.getBoundingClientRect().right > edge + 1
    )
    return region.scrollWidth > region.clientWidth || cut.length > 0
      ? [`${region.getAttribute('aria-label')}: ${cut[0]?.outerHTML.slice(0, 120)}`]
      : []
  }))()
