// The watchlist: entities with their line, in an order that holds still while somebody is at it.

import { byId, el, reconcile, setText } from "./dom.js";
import { signed, span, time } from "./format.js";
import { mark, sparkline, spoken, tone } from "./marks.js";
import { href } from "./route.js";

const KEPT = 600;
const SHOWN = 40;
const REORDER_MS = 2500;
const HOLD_MS = 20000; // who did nothing for so long is not reading any more
const UNUSUAL = 2; // standard deviations

const ORDERS = {
  moved: (a, b) => Math.abs(b.trend) - Math.abs(a.trend),
  unusual: (a, b) => b.z - a.z,
  worst: (a, b) => a.index - b.index,
  best: (a, b) => b.index - a.index,
  busiest: (a, b) => volume(b) - volume(a),
  name: (a, b) => a.name.localeCompare(b.name),
};
const volume = (item) => item.negatives + item.neutrals + item.positives;

export class Entities {
  constructor(actions) {
    this.actions = actions;
    this.items = new Map();
    this.rows = new Map(); // id -> {node, item, muted}
    this.order = [];
    this.orderedAt = -Infinity;
    this.touchedAt = -Infinity;
    this.all = false;
    this.only = null;
    this.list = byId("entity-list");
    byId("order").addEventListener("input", () => this.render(true));
    byId("which").addEventListener("input", () => this.render(true));
    byId("more-entities").addEventListener("click", () => { this.all = !this.all; this.render(true); });
    for (const kind of ["pointermove", "keydown", "focusin"]) this.list.addEventListener(kind, () => { this.touchedAt = performance.now(); }, { passive: true });
    this.list.addEventListener("keydown", (event) => this.move(event));
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
    for (const [id, { node }] of this.rows) markCurrent(node, id === only);
  }

  /** Arrows go through the rows, as in any list. */
  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows = [...this.list.querySelectorAll("a")];
    const to = event.key === "Home" ? 0 : event.key === "End" ? rows.length - 1 : step ? rows.indexOf(document.activeElement) + step : null;
    if (to === null) return;
    event.preventDefault();
    if (to < 0) byId("search").focus();
    else rows[Math.min(to, rows.length - 1)]?.focus();
  }

  first() {
    return this.list.querySelector("a");
  }

  held() {
    return this.order.length && this.list.matches(":hover, :focus-within") && performance.now() - this.touchedAt < HOLD_MS;
  }

  wanted() {
    const wanted = byId("search").value.trim().toLowerCase();
    const which = byId("which").value;
    return (item) => (!wanted || item.name.toLowerCase().includes(wanted) || item.id.toLowerCase().includes(wanted))
      && (!which || (which === "unusual" ? item.z >= UNUSUAL : tone(item.index) === which));
  }

  render(anew = false) {
    if (anew || (!this.held() && performance.now() - this.orderedAt > REORDER_MS)) {
      this.order = [...this.items.values()].filter(this.wanted()).sort((a, b) => ORDERS[byId("order").value](a, b) || volume(b) - volume(a) || a.name.localeCompare(b.name)).map((item) => item.id);
      this.orderedAt = performance.now();
    }
    const found = this.order.filter((id) => this.items.has(id));
    const ids = found.slice(0, this.all ? KEPT : SHOWN);
    const shown = new Set(ids);
    for (const id of this.rows.keys()) if (!shown.has(id)) this.rows.delete(id);
    const more = byId("more-entities");
    more.hidden = found.length <= SHOWN;
    setText(more, this.all ? `Show the first ${SHOWN}` : `Show all ${found.length}`);
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    reconcile(this.list, ids.length ? ids.map((id) => this.row(this.items.get(id))) : [el("li", { class: "empty" }, this.items.size ? "No name here matches. Enter looks for exactly this one in the workers’ tables." : "No entity yet. Companies, currencies and commodities appear once a headline names them.")]);
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true }); // moving it took the focus
  }

  row(item) {
    const known = this.rows.get(item.id);
    const muted = this.actions.muted(item.id) !== null;
    if (known?.item === item && known.muted === muted) return known.node;
    const node = known?.node ?? el("li", { class: "entity", "data-id": item.id }, el("a", { href: href(item.id) }));
    const kind = tone(item.index);
    const direction = tone(item.trend);
    const link = node.firstChild;
    node.className = `entity ${kind}`;
    markCurrent(node, this.only === item.id);
    link.title = `Index ${signed(item.index)}, ${signed(item.trend)} against its last days; last headline ${time(item.at)}`;
    link.replaceChildren(
      el("span", {}, el("span", { class: "name" }, item.name), el("span", { class: "under" }, share(item), unusual(item), muted ? el("span", { class: "flag" }, "muted") : null)),
      sparkline(item.line),
      el("span", { class: "level" },
        el("span", { class: "index" }, spoken("index "), signed(item.index)),
        el("span", { class: `move ${direction}` }, direction === "neutral" ? null : mark(direction), spoken("trend "), signed(item.trend))));
    this.rows.set(item.id, { node, item, muted });
    return node;
  }
}

function markCurrent(node, current) {
  if (current) node.firstChild.setAttribute("aria-current", "page");
  else node.firstChild.removeAttribute("aria-current");
}

function unusual(item) {
  if (item.z < UNUSUAL) return null;
  return el("span", { class: "flag hot", title: `${item.negatives} negative, ${item.expected} usual` }, item.z < 10 ? `z ${item.z.toFixed(1)}` : "z ≥ 10");
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
