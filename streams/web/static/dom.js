// Elements out of values. Text only ever becomes a text node: nothing that comes over the wire is read as markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** Makes `nodes` the children of `parent`, leaving those in place that are there: focus and selection stay. */
export function reconcile(parent, nodes) {
  let cursor = parent.firstChild;
  for (const node of nodes) {
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

/** Sets the text of a node if it differs: a screen reader is not told what it knows. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A headline: a link where there is one to follow. */
export function said(text, url) {
  if (!url) return el("span", { class: "said" }, text);
  return el("a", { class: "said", href: url, target: "_blank", rel: "noopener noreferrer" }, text);
}
