// Alerts: the open episodes first, each with the headlines behind it.

import { byId, el, reconcile, said, setText } from "./dom.js";
import { fullTime, minute, odds, percent } from "./format.js";
import { mark, spoken } from "./marks.js";

const KEPT = 100;
const RANK = { critical: 0, warning: 1, info: 2 };

export class Alerts {
  constructor() {
    this.items = new Map();
    this.nodes = new Map(); // episode -> {node, item}
    this.list = byId("alert-list");
  }

  reset(items) {
    this.items.clear();
    this.nodes.clear();
    this.add(items, false);
  }

  add(items, announce = true) {
    for (const item of items) {
      this.items.delete(item.episode);
      this.items.set(item.episode, item);
    }
    for (const episode of this.items.keys()) {
      if (this.items.size <= KEPT) break;
      this.items.delete(episode);
    }
    if (announce && items.length) {
      byId("announcer").textContent = items.map((item) => `${item.severity} alert ${item.status}: ${item.summary}`).join(" ");
    }
  }

  open() {
    return [...this.items.values()].filter((item) => item.status !== "resolved");
  }

  render() {
    const items = [...this.items.values()].sort((a, b) =>
      (a.status === "resolved") - (b.status === "resolved")
      || (a.status === "resolved" ? 0 : RANK[a.severity] - RANK[b.severity])
      || new Date(b.opened_at) - new Date(a.opened_at));
    for (const episode of this.nodes.keys()) if (!this.items.has(episode)) this.nodes.delete(episode);
    const open = this.open().length;
    setText(byId("alerts-hint"), items.length ? `${open} open, ${items.length - open} resolved` : "");
    reconcile(this.list, items.length ? items.map((item) => this.node(item)) : [el("li", { class: "empty" }, "Nothing unusual. An alert opens here when bad news about one name comes faster than it should.")]);
  }

  retime() {
    for (const { item } of this.nodes.values()) this.items.set(item.episode, { ...item });
    this.render();
  }

  node(item) {
    const known = this.nodes.get(item.episode);
    if (known?.item === item) return known.node;
    const node = known?.node ?? el("li", {});
    const unfolded = node.querySelector("details")?.open ?? false;
    const unfocused = !node.contains(document.activeElement);
    node.className = `alert ${item.status}`;
    node.dataset.severity = item.severity;
    node.dataset.episode = item.episode;
    node.replaceChildren(
      el("h3", {},
        el("span", { class: "grade" }, mark(item.severity, ""), item.severity[0].toUpperCase() + item.severity.slice(1)),
        el("span", {}, item.name),
        el("span", { class: "stage", title: `Opened ${fullTime(item.opened_at)}` }, stage(item))),
      el("p", { class: "what" }, item.summary),
      el("p", { class: "counts" }, el("b", {}, String(item.observed)), " negative, ", el("b", {}, String(item.expected)), " expected; by chance ", odds(item.p_value)),
      item.evidence.length ? evidence(item, unfolded) : null);
    if (!unfocused) node.querySelector("summary")?.focus();
    this.nodes.set(item.episode, { node, item });
    return node;
  }
}

function stage(item) {
  if (item.status === "resolved") return `resolved ${minute(item.at)}`;
  if (item.status === "grew") return `open since ${minute(item.opened_at)}, grew ${minute(item.at)}`;
  return `open since ${minute(item.opened_at)}`;
}

function evidence(item, unfolded) {
  return el("details", { open: unfolded },
    el("summary", {}, `${item.evidence.length} ${item.evidence.length === 1 ? "headline" : "headlines"} behind it`),
    el("ol", { class: "evidence" }, ...item.evidence.map((one) =>
      el("li", {},
        el("time", { datetime: one.at, title: fullTime(one.at) }, minute(one.at)),
        el("span", {}, said(one.text, one.url), one.source ? el("span", { class: "hint" }, `  ${one.source}`) : null),
        el("span", { class: "weight negative", title: "How negative the model finds it" }, spoken("negative "), percent(one.negative))))));
}
