// The live headlines: newest first, still while they are read.

import { byId, el, reconcile, said, setText } from "./dom.js";
import { fullTime, percent, time, whole, words } from "./format.js";
import { mark, spoken } from "./marks.js";

const KEPT = 200;
const SHOWN = 80;

export class Headlines {
  constructor(choose) {
    this.choose = choose; // called with an entity's id and name
    this.items = []; // newest first
    this.nodes = new Map();
    this.paused = false;
    this.only = null;
    this.list = byId("headline-list");
    this.shown = null; // what is held still; null while following
    byId("pause").addEventListener("click", () => this.pause(!this.paused));
    byId("held").addEventListener("click", () => this.follow());
    byId("only").addEventListener("click", () => this.choose(null));
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
    byId("search").addEventListener("input", () => this.render(true));
    byId("tone").addEventListener("input", () => this.render(true));
  }

  reset(items) {
    this.items = [];
    this.shown = null;
    this.add(items, false);
  }

  /** `items` oldest first; `skipped` came before them, too many to be sent. */
  add(items, fresh = true, skipped = 0) {
    if (skipped) items[0].skipped = skipped;
    const known = new Set(this.items.map((item) => item.id));
    for (const item of items) {
      if (known.has(item.id)) continue;
      item.fresh = fresh;
      this.items.unshift(item);
    }
    this.items.length = Math.min(this.items.length, KEPT);
  }

  pause(paused) {
    this.paused = paused;
    byId("pause").setAttribute("aria-pressed", String(paused));
    setText(byId("pause"), paused ? "Paused" : "Pause");
    if (!paused) this.follow();
    else this.render();
  }

  follow() {
    if (this.paused) { this.pause(false); return; }
    this.list.scrollTop = 0;
    if (byId("news").getBoundingClientRect().top < 0) byId("news").scrollIntoView();
    this.shown = null;
    this.render(true);
  }

  /** Someone is reading further down: nothing may push the text away. */
  reading() {
    const phone = getComputedStyle(this.list).overflowY === "visible";
    return phone ? this.list.getBoundingClientRect().top < -40 : this.list.scrollTop > 30;
  }

  matching() {
    const wanted = byId("search").value.trim().toLowerCase();
    const tone = byId("tone").value;
    return this.items.filter((item) => {
      const verdict = this.only ? item.entities.find((entity) => entity.id === this.only.id) : item;
      if (!verdict || (tone && verdict.sentiment !== tone)) return false;
      return !wanted || [item.text, item.source ?? "", item.topic, ...item.entities.map((e) => e.name)].join(" ").toLowerCase().includes(wanted);
    });
  }

  show(only) {
    this.only = only;
    byId("only").hidden = !only;
    byId("only").replaceChildren(only ? `Only ${only.name}  ✕` : "");
    this.shown = null;
    this.render(true);
  }

  render(anew = false) {
    const found = this.matching();
    if (!anew && (this.paused || this.reading())) this.shown ??= new Set(this.list.dataset.ids ? JSON.parse(this.list.dataset.ids) : []);
    else this.shown = null;
    const held = byId("held");
    if (this.shown?.size) {
      const waiting = found.findIndex((item) => this.shown.has(item.id));
      const count = waiting < 0 ? found.length : waiting;
      held.hidden = count === 0;
      setText(held, `${count === KEPT ? `${KEPT} or more` : count} new ${count === 1 ? "headline" : "headlines"} – show`);
      return;
    }
    held.hidden = true;
    const items = found.slice(0, SHOWN);
    const ids = new Set(items.map((item) => item.id));
    for (const id of this.nodes.keys()) if (!ids.has(id)) this.nodes.delete(id);
    this.list.dataset.ids = JSON.stringify([...ids]);
    reconcile(this.list, items.length ? items.map((item) => this.node(item)) : [this.empty()]);
  }

  empty() {
    const line = this.items.length ? "No headline here matches." : "No headline yet. They appear as soon as a worker has scored them.";
    return el("li", { class: "empty" }, line);
  }

  retime() {
    this.nodes.clear();
    this.render(true);
  }

  node(item) {
    let node = this.nodes.get(item.id);
    if (!node) {
      node = el("li", { class: `headline ${item.sentiment}${item.fresh ? " new" : ""}` },
        el("time", { datetime: item.at, title: fullTime(item.at) }, time(item.at)),
        mark(item.sentiment),
        el("div", {},
          spoken(`${item.sentiment}: `),
          said(item.text, item.url),
          el("p", { class: "about" },
            ...item.entities.map((entity) => this.chip(entity)),
            el("span", { class: "from" },
              item.topic ? el("span", { class: "topic" }, words(item.topic)) : null,
              item.topic && item.source ? " · " : null,
              item.source ? el("span", { class: "source" }, item.source) : null)),
          item.skipped ? el("p", { class: "hint" }, `${whole(item.skipped)} before it came too fast to show`) : null));
      node.children[1].append(document.createElementNS("http://www.w3.org/2000/svg", "title"));
      node.querySelector(".tone title").textContent = `${item.sentiment}, ${percent(item.probability)}`;
      this.nodes.set(item.id, node);
    }
    return node;
  }

  chip(entity) {
    const title = `${entity.name}: ${entity.sentiment}, ${percent(entity.probability)}`;
    return el("button", { type: "button", class: `chip ${entity.sentiment}`, title, onclick: () => this.choose(entity) },
      mark(entity.sentiment), entity.name, spoken(`, ${entity.sentiment}`));
  }
}
