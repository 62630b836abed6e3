// The live headlines: newest first, still while they are read.

import { byId, el, reconcile, said, setText, svg } from "./dom.js";
import { fullTime, percent, time, whole, words } from "./format.js";
import { mark, spoken } from "./marks.js";
import { href } from "./route.js";

const KEPT = 200;
const SHOWN = 80;

export class Headlines {
  constructor() {
    this.items = []; // newest first
    this.nodes = new Map();
    this.paused = false;
    this.list = byId("headline-list");
    this.shown = null; // what is held still; null while following
    byId("pause").addEventListener("click", () => this.pause(!this.paused));
    byId("held").addEventListener("click", () => this.follow());
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
      if (tone && item.sentiment !== tone) return false;
      return !wanted || [item.text, item.source ?? "", item.topic, ...item.entities.map((e) => e.name)].join(" ").toLowerCase().includes(wanted);
    });
  }

  /** Those that name an entity, or belong to a topic's or to everything's stream. */
  about(key) {
    if (key === "all:") return this.items;
    return this.items.filter((item) => `topic:${item.topic}` === key || item.entities.some((entity) => entity.id === key));
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
    if (!node) this.nodes.set(item.id, (node = headlineNode(item)));
    return node;
  }
}

/** One headline with its verdicts. One that a worker kept has no topic and no other names. */
export function headlineNode(item) {
  const verdict = mark(item.sentiment);
  verdict.append(svg("title", {}, item.probability === undefined ? item.sentiment : `${item.sentiment}, ${percent(item.probability)}`));
  const from = [item.topic && words(item.topic), item.source, item.also_in?.length && `also in ${item.also_in.join(", ")}`].filter(Boolean);
  return el("li", { class: `headline ${item.sentiment}${item.fresh ? " new" : ""}` },
    el("time", { datetime: item.at, title: fullTime(item.at) }, time(item.at)),
    verdict,
    el("div", {},
      spoken(`${item.sentiment}: `),
      said(item.text, item.url),
      el("p", { class: "about" }, ...item.entities.map(chip), ...from.map((part, i) => el("span", { class: i || !item.topic ? "source" : "topic" }, part))),
      item.skipped ? el("p", { class: "hint" }, `${whole(item.skipped)} before it came too fast to show`) : null));
}

function chip(entity) {
  const title = `${entity.name}: ${entity.sentiment}, ${percent(entity.probability)}`;
  return el("a", { class: `chip ${entity.sentiment}`, title, href: href(entity.id) }, mark(entity.sentiment), entity.name, spoken(`, ${entity.sentiment}`));
}
