// The market at a glance: all news as one line, sectors and topics as a heat map. Tiles keep their places.

import { byId, el, reconcile } from "./dom.js";
import { signed, span, words } from "./format.js";
import { mark, sparkline, spoken, tone } from "./marks.js";
import { href } from "./route.js";

const KEPT = 120;
const STEPS = [0.08, 0.25, 0.5]; // an index from here on is the next color

export class Market {
  constructor() {
    this.items = new Map();
    this.tiles = new Map(); // id -> {node, item}
    this.overall = null; // what is drawn of all news
  }

  reset(items) {
    this.items.clear();
    this.tiles.clear();
    this.add(items);
  }

  add(items) {
    for (const item of items) {
      this.items.delete(item.id);
      this.items.set(item.id, item);
    }
    for (const id of this.items.keys()) {
      if (this.items.size <= KEPT) break;
      this.items.delete(id);
    }
  }

  render() {
    const all = this.items.get("all:");
    if (all && all !== this.overall) byId("overall").replaceChildren(...overall(all));
    this.overall = all;
    byId("overall").hidden = !all;
    for (const id of this.tiles.keys()) if (!this.items.has(id)) this.tiles.delete(id);
    for (const scope of ["sector", "topic"]) {
      const items = [...this.items.values()].filter((item) => item.scope === scope).sort((a, b) => a.name.localeCompare(b.name));
      byId(`${scope}s`).hidden = byId(`${scope}s-title`).hidden = !items.length;
      reconcile(byId(`${scope}s`), items.map((item) => this.tile(item)));
    }
    byId("no-market").hidden = this.items.size > 0;
  }

  tile(item) {
    const known = this.tiles.get(item.id);
    if (known?.item === item) return known.node;
    const node = known?.node ?? el("li", {}, el("a", { class: "tile", href: href(item.id), "data-id": item.id }));
    const link = node.firstChild;
    const moved = tone(item.trend, 0.1);
    link.dataset.step = String(heat(item.index));
    link.title = `${words(item.name)}: index ${signed(item.index)}, trend ${signed(item.trend)}; ${counts(item)}`;
    link.replaceChildren(
      el("span", { class: "name" }, words(item.name)),
      moved === "neutral" ? "" : mark(moved), spoken(moved === "neutral" ? "" : moved === "positive" ? "rising " : "falling "),
      el("span", { class: "figure-of" }, signed(item.index)));
    this.tiles.set(item.id, { node, item });
    return node;
  }
}

/** A color for an index: -3 (worst) to 3 (best). The number stands beside it. */
export function heat(index) {
  return Math.sign(index) * STEPS.filter((step) => Math.abs(index) >= step).length;
}

export function counts(item) {
  const total = item.negatives + item.neutrals + item.positives;
  return `${total} ${total === 1 ? "headline" : "headlines"} in ${span(item.window_s)}, ${item.negatives} negative where ${item.expected} ${item.expected === 1 ? "is" : "are"} usual`;
}

function overall(item) {
  const kind = tone(item.index);
  return [
    el("b", { class: `index ${kind}` }, mark(kind), spoken("index "), signed(item.index)),
    el("span", { class: kind }, sparkline(item.line, 150)),
    el("span", { class: "hint" }, `${item.negatives} of ${item.negatives + item.neutrals + item.positives} negative, ${item.expected} usual`)];
}
