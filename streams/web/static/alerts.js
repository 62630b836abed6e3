// Alerts: the open episodes first, each with its series, the headlines behind it, and what somebody did about it.

import { seriesChart } from "./charts.js";
import { byId, el, reconcile, said, setText } from "./dom.js";
import { fullTime, minute, odds, percent } from "./format.js";
import { mark, spoken } from "./marks.js";
import { mutedWords } from "./profile.js";
import { href } from "./route.js";

const KEPT = 100;
const RANK = { critical: 0, warning: 1, info: 2 };
const KINDS = { negatives: "Bad news", share: "Share of bad news", volume: "Much news", turn: "Tone turned" };
const SCOPES = { topic: "Topic · ", sector: "Sector · " };
const LASTING = { "1h": "1 hour", "2h": "2 hours", "8h": "8 hours", "1d": "a day" };

export class Alerts {
  constructor(actions) {
    this.actions = actions;
    this.items = new Map();
    this.nodes = new Map(); // episode -> {node, item, ack, mute}
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

  /** The alerts on a stream, or with it among their members, the latest first. */
  about(key) {
    return [...this.items.values()].filter((item) => item.entity === key || item.members.includes(key)).reverse();
  }

  render() {
    const acked = (item) => item.status !== "resolved" && this.actions.acked(item.episode) !== null;
    const items = [...this.items.values()].sort((a, b) =>
      (a.status === "resolved") - (b.status === "resolved")
      || acked(a) - acked(b)
      || (a.status === "resolved" ? 0 : RANK[a.severity] - RANK[b.severity])
      || new Date(b.opened_at) - new Date(a.opened_at));
    for (const episode of this.nodes.keys()) if (!this.items.has(episode)) this.nodes.delete(episode);
    const open = this.open();
    const seen = open.filter(acked).length;
    setText(byId("alerts-hint"), items.length ? `${open.length} open${seen ? ` (${seen} seen to)` : ""}, ${items.length - open.length} resolved` : "");
    reconcile(this.list, items.length ? items.map((item) => this.node(item)) : [el("li", { class: "empty" }, "Nothing unusual. An alert opens here when bad news about one name, topic or sector comes faster than it should.")]);
  }

  retime() {
    for (const known of this.nodes.values()) known.item = null;
    this.render();
  }

  node(item) {
    const known = this.nodes.get(item.episode);
    const ack = this.actions.acked(item.episode);
    const mute = this.actions.muted(item.entity);
    if (known?.item === item && known.ack === ack && known.mute === mute) return known.node;
    const node = known?.node ?? el("li", {});
    const unfolded = node.querySelector("details")?.open ?? false;
    const focused = node.contains(document.activeElement) ? document.activeElement.dataset.part ?? "name" : null;
    const over = item.status === "resolved";
    node.className = `alert ${item.status}${ack && !over ? " acked" : ""}`;
    node.dataset.severity = item.severity;
    node.dataset.episode = item.episode;
    node.replaceChildren(
      el("h3", {},
        el("span", { class: "grade" }, mark(item.severity, ""), item.severity[0].toUpperCase() + item.severity.slice(1)),
        item.kind === "storm" ? el("span", {}, item.name) : el("a", { href: href(item.entity), "data-part": "name" }, item.name),
        item.kind === "storm" ? "" : el("span", { class: "kind" }, `${SCOPES[item.scope] ?? ""}${KINDS[item.kind]}`),
        el("span", { class: "stage", title: `Opened ${fullTime(item.opened_at)}` }, stage(item))),
      el("p", { class: "what" }, item.summary),
      item.series && !over ? seriesChart(item) : "",
      el("p", { class: "counts" }, `By chance ${odds(item.p_value)}`, item.rule ? ` · rule ${item.rule}` : ""),
      item.members.length ? members(item) : "",
      item.held ? el("p", { class: "withheld" }, `Told to no receiver: ${item.held}`) : "",
      item.evidence.length ? evidence(item, unfolded, over) : "",
      this.deeds(item, ack, mute));
    if (focused) (node.querySelector(`[data-part="${focused}"]`) ?? node.querySelector("a, button, summary"))?.focus();
    this.nodes.set(item.episode, { node, item, ack, mute });
    return node;
  }

  /** What can be done about it, and what was. */
  deeds(item, ack, mute) {
    const over = item.status === "resolved";
    if (over && !mute && !ack) return "";
    return el("p", { class: "deeds" },
      ack ? el("span", { class: "done", title: ack.note || fullTime(ack.at) }, `Acknowledged${ack.by ? ` by ${ack.by}` : ""} ${minute(ack.at)}`) : null,
      ack && !over ? el("button", { type: "button", class: "quiet", "data-part": "unack", onclick: () => this.actions.unack(item.episode) }, "Undo", spoken(` the acknowledgement of ${item.name}`)) : null,
      ack || over ? null : el("button", { type: "button", class: "quiet", "data-part": "ack", onclick: (event) => this.ack(item, event.target) }, "Acknowledge", spoken(` the alert on ${item.name}`)),
      mute ? el("span", { class: "done" }, mutedWords(mute)) : null,
      mute ? el("button", { type: "button", class: "quiet", "data-part": "mute", onclick: () => this.actions.unmute(item.entity) }, "Unmute", spoken(` ${item.name}`)) : null,
      mute || over ? null : this.muting(item));
  }

  async ack(item, button) {
    button.disabled = true;
    if (!(await this.actions.ack(item.episode))) button.disabled = false;
  }

  muting(item) {
    const select = el("select", { "aria-label": `Mute ${item.name}`, "data-part": "mute" },
      el("option", { value: "" }, "Mute…"),
      ...Object.entries(LASTING).map(([lasting, name]) => el("option", { value: lasting }, `for ${name}`)));
    select.addEventListener("change", () => {
      this.actions.mute(item.entity, select.value);
      select.value = "";
    });
    return select;
  }
}

function stage(item) {
  if (item.status === "resolved") return `resolved ${minute(item.at)}`;
  if (item.status === "grew") return `open since ${minute(item.opened_at)}, grew ${minute(item.at)}`;
  return `open since ${minute(item.opened_at)}`;
}

/** The names in a storm, each a way to its page. */
function members(item) {
  return el("ul", { class: "members", "aria-label": "The names in it" }, ...item.members.map((key) => el("li", {}, el("a", { class: "chip", href: href(key) }, key))));
}

function evidence(item, unfolded, over) {
  return el("details", { open: unfolded },
    el("summary", { "data-part": "evidence" }, `${item.evidence.length} ${item.evidence.length === 1 ? "headline" : "headlines"} behind it`),
    item.series && over ? seriesChart(item) : "",
    el("ol", { class: "evidence" }, ...item.evidence.map((one) =>
      el("li", {},
        el("time", { datetime: one.at, title: fullTime(one.at) }, minute(one.at)),
        el("span", {}, said(one.text, one.url),
          one.source ? el("span", { class: "hint source" }, `  ${one.source}`) : null,
          one.also_in.length ? el("span", { class: "hint also" }, ` · also in ${one.also_in.join(", ")}`) : null),
        el("span", { class: `weight ${one.sentiment}`, title: "How negative the model finds it" }, mark(one.sentiment), spoken(`${one.sentiment}, negative `), percent(one.negative))))));
}
