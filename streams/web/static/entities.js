// The entities with their trend, in an order that holds still while a pointer or the focus is on it.

import { byId, el, reconcile, setText } from "./dom.js";
import { signed, span, time } from "./format.js";
import { mark, sparkline, spoken, tone } from "./marks.js";

const KEPT = 600;
const SHOWN = 40;
const REORDER_MS = 2500;

const ORDERS = {
  moved: (a, b) => Math.abs(b.move) - Math.abs(a.move),
  worst: (a, b) => a.index - b.index,
  best: (a, b) => b.index - a.index,
  busiest: (a, b) => volume(b) - volume(a),
  name: (a, b) => a.name.localeCompare(b.name),
};
const volume = (item) => item.negatives + item.neutrals + item.positives;

export class Entities {
  constructor(choose) {
    this.choose = choose;
    this.items = new Map();
    this.rows = new Map(); // id -> {node, item}
    this.order = [];
    this.orderedAt = -Infinity;
    this.all = false;
    this.only = null;
    this.list = byId("entity-list");
    byId("order").addEventListener("input", () => this.render(true));
    byId("more-entities").addEventListener("click", () => { this.all = !this.all; this.render(true); });
  }

  reset(items) {
    this.items.clear();
    this.rows.clear();
    this.orderedAt = -Infinity;
    this.add(items);
  }

  add(items) {
    for (const item of items) {
      this.items.delete(item.id); // last in the map: the longest silent goes first
      this.items.set(item.id, item);
    }
    for (const id of this.items.keys()) {
      if (this.items.size <= KEPT) break;
      this.items.delete(id);
    }
  }

  show(only) {
    this.only = only;
    for (const { node } of this.rows.values()) node.firstChild.setAttribute("aria-pressed", String(node.dataset.id === only?.id));
  }

  render(anew = false) {
    const held = this.list.matches(":hover, :focus-within") && this.order.length;
    if (anew || (!held && performance.now() - this.orderedAt > REORDER_MS)) {
      this.order = [...this.items.values()].sort((a, b) => ORDERS[byId("order").value](a, b) || volume(b) - volume(a) || a.name.localeCompare(b.name)).map((item) => item.id);
      this.orderedAt = performance.now();
    }
    const ids = this.order.filter((id) => this.items.has(id)).slice(0, this.all ? KEPT : SHOWN);
    const shown = new Set(ids);
    for (const id of this.rows.keys()) if (!shown.has(id)) this.rows.delete(id);
    const more = byId("more-entities");
    more.hidden = this.items.size <= SHOWN;
    setText(more, this.all ? `Show the first ${SHOWN}` : `Show all ${this.items.size}`);
    reconcile(this.list, ids.length ? ids.map((id) => this.row(this.items.get(id))) : [el("li", { class: "empty" }, "No entity yet. Companies, currencies and commodities appear once a headline names them.")]);
  }

  row(item) {
    const known = this.rows.get(item.id);
    if (known?.item === item) return known.node;
    const node = known?.node ?? el("li", { class: "entity", "data-id": item.id }, el("button", { type: "button", onclick: () => this.choose(this.only?.id === item.id ? null : item) }));
    const kind = tone(item.index);
    const direction = tone(item.move);
    const button = node.firstChild;
    node.className = `entity ${kind}`;
    button.setAttribute("aria-pressed", String(this.only?.id === item.id));
    button.title = `Index ${signed(item.index)}, ${signed(item.move)} over the line shown; last headline ${time(item.at)}. Press to see only its headlines.`;
    button.replaceChildren(
      el("span", {}, el("span", { class: "name" }, item.name), share(item)),
      sparkline(item.trend),
      el("span", { class: "level" },
        el("span", { class: "index" }, spoken("index "), signed(item.index)),
        el("span", { class: `move ${direction}` }, direction === "neutral" ? null : mark(direction), spoken("moved "), signed(item.move))));
    this.rows.set(item.id, { node, item });
    return node;
  }
}

/** The verdicts of the window at hand, as a bar and in words. */
function share(item) {
  const bar = el("span", { class: "share", "aria-hidden": true });
  for (const kind of ["negative", "neutral", "positive"]) {
    const count = item[`${kind}s`];
    if (!count) continue;
    const part = el("i", { class: kind });
    part.style.flexGrow = String(count);
    bar.append(part);
  }
  const words = `${item.negatives} negative, ${item.neutrals} neutral, ${item.positives} positive in ${span(item.window_s)}`;
  bar.title = words;
  return el("span", { class: "bar" }, bar, spoken(words));
}
