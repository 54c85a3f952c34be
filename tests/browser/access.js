// What is wrong with the page for people who use a keyboard, a screen reader or tired eyes: a list of words.
() => {
  const faults = [], seen = (node) => node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length > 0;
  const named = (node) => (node.getAttribute("aria-label") || node.getAttribute("title") || node.textContent.trim()
    || (node.labels && [...node.labels].map((label) => label.textContent).join("").trim()));
  for (const node of document.querySelectorAll("button, a[href], input, select, [role=slider], [role=img], [tabindex='0'], meter, progress"))
    if (seen(node) && !named(node)) faults.push(`no name: ${node.outerHTML.slice(0, 100)}`);
  for (const node of document.querySelectorAll("img")) if (!node.hasAttribute("alt")) faults.push(`no alt: ${node.outerHTML.slice(0, 90)}`);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id twice: ${id}`);
  for (const node of document.querySelectorAll("[role=slider]"))
    for (const name of ["aria-valuenow", "aria-valuemin", "aria-valuemax"]) if (!node.hasAttribute(name)) faults.push(`slider without ${name}`);
  for (const inner of document.querySelectorAll("button button, a button, button a, button input")) faults.push(`nested: ${inner.outerHTML.slice(0, 80)}`);
  if (document.documentElement.lang !== "en" || !document.title) faults.push("no language or title");
  if (document.querySelectorAll("main").length !== 1 || !document.querySelector("nav[aria-label]")) faults.push("landmarks");

  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const parse = (text) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = text; pen.fillRect(0, 0, 1, 1); return [...pen.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (node) => { for (; node; node = node.parentElement) { const c = parse(getComputedStyle(node).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255]; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || ["SCRIPT", "STYLE", "OPTION"].includes(node.tagName) || !seen(node) || node.closest(":disabled, .skip, .hidden")) continue;
    const style = getComputedStyle(node), a = light(parse(style.color)), b = light(behind(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${node.className} "${node.textContent.slice(0, 40)}" ${style.color}`);
  }
  if (document.documentElement.scrollWidth > window.innerWidth) faults.push(`scrolls sideways: ${document.documentElement.scrollWidth}`);
  return [...new Set(faults)];
}
