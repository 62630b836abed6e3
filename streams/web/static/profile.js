// One stream's page: its figures, its last two days and month, its alerts, its headlines.

import { historyChart } from "./charts.js";
import { byId, el, reconcile, setText } from "./dom.js";
import { minute, signed, words } from "./format.js";
import { counts } from "./market.js";
import { mark, sparkline, spoken, tone } from "./marks.js";
import { headlineNode } from "./headlines.js";

const AGAIN_MS = 60000; // how old a history may be while news comes in
const RETRY_MS = 10000;
const SHOWN = 30;
const SCOPES = { entity: "", topic: "Topic", sector: "Sector", all: "Everything that came in" };

export class Profile {
  /** `known` finds a stream's latest summary, `live` its headlines on the page, `alerts` its alerts' views. */
  constructor({ known, live, alerts, actions }) {
    Object.assign(this, { known, live, alerts, actions });
    this.key = null;
    this.past = null; // what the server said of the key's history
    this.drawn = {}; // what stands on the page, to draw no part anew that is as it was
    byId("profile-mute").addEventListener("change", (event) => this.mute(event.target));
    byId("profile-unmute").addEventListener("click", () => this.actions.unmute(this.key));
  }

  open(key) {
    this.key = key;
    this.past = null;
    this.drawn = {};
    this.trouble = "";
    this.askedAt = -Infinity;
    byId("profile-body").scrollTop = 0;
    byId("profile-charts").replaceChildren(el("p", { class: "hint" }, key === null ? "" : "Reading its history…"));
  }

  /** Reads the history anew when there is news; called with every message and every second. */
  async refresh() {
    if (this.key === null || document.hidden || performance.now() - this.askedAt < (this.past ? AGAIN_MS : RETRY_MS)) return;
    const item = this.known(this.key);
    if (this.past && this.readFor === item?.at) return;
    this.askedAt = performance.now();
    const key = this.key;
    let past = null;
    let trouble = "";
    try {
      const response = await fetch(`/api/streams/${encodeURIComponent(key)}`);
      const told = await response.json();
      if (response.ok) past = { ...told, headlines: told.headlines.map((item) => ({ ...item, topic: "", entities: [] })) };
      else trouble = `No history: ${told.error}.`;
    } catch {
      trouble = "No history: the page’s server does not answer.";
    }
    if (key !== this.key) return;
    this.past = past ?? this.past;
    this.trouble = trouble;
    this.readFor = item?.at;
    this.render();
  }

  async mute(select) {
    const lasting = select.value;
    select.value = "";
    if (lasting) await this.actions.mute(this.key, lasting);
  }

  retime() {
    this.drawn = {};
    this.render();
  }

  render() {
    if (this.key === null) return;
    const item = this.known(this.key);
    const name = words(item?.name ?? this.past?.name ?? this.key);
    setText(byId("profile-title"), name);
    setText(byId("profile-scope"), SCOPES[item?.scope ?? this.past?.scope ?? "entity"]);
    const mute = this.actions.muted(this.key);
    byId("profile-mute").hidden = Boolean(mute);
    byId("profile-unmute").hidden = byId("profile-muted").hidden = !mute;
    if (mute) setText(byId("profile-muted"), mutedWords(mute));
    this.part("figures", item, () => byId("profile-figures").replaceChildren(...(item ? figures(item) : [])));
    this.part("charts", this.past ?? this.trouble, () => byId("profile-charts").replaceChildren(...this.charts()));
    this.list("alerts", this.alerts(this.key), alertLine);
    this.list("headlines", this.headlines(), headlineNode);
  }

  /** Draws a part when what it shows is another value than before. */
  part(name, value, draw) {
    if (this.drawn[name] === value && name in this.drawn) return;
    this.drawn[name] = value;
    draw();
  }

  list(name, items, node) {
    const before = this.drawn[name] ?? new Map();
    const now = new Map(items.map((item) => [item.id ?? item.episode, before.get(item.id ?? item.episode)?.item === item ? before.get(item.id ?? item.episode) : { item, node: node(item) }]));
    this.drawn[name] = now;
    byId(`profile-${name}-title`).hidden = !items.length;
    reconcile(byId(`profile-${name}`), [...now.values()].map((one) => one.node));
  }

  charts() {
    if (!this.past) return this.trouble ? [el("p", { class: "hint" }, this.trouble)] : [el("p", { class: "hint" }, "Reading its history…")];
    if (!this.past.hours.length) return [el("p", { class: "hint" }, "Nothing counted yet.")];
    return [
      historyChart("48 hours, by the hour", this.past.hours, this.past.hour, 3600),
      historyChart("30 days, by the day (UTC)", this.past.days, this.past.day, 86400)];
  }

  /** Those on the page and those the worker kept, each once, the latest first. */
  headlines() {
    const found = new Map();
    for (const item of this.past?.headlines ?? []) found.set(item.id, item);
    for (const item of this.live(this.key)) found.set(item.id, item);
    return [...found.values()].sort((a, b) => new Date(b.at) - new Date(a.at)).slice(0, SHOWN);
  }
}

export const mutedWords = (mute) => `Muted until ${minute(mute.until)}${mute.by ? ` by ${mute.by}` : ""}`;

function figures(item) {
  const kind = tone(item.index);
  const one = (label, ...value) => el("div", {}, el("dt", {}, label), el("dd", {}, ...value));
  return [
    one("Index", el("span", { class: kind }, mark(kind), spoken(kind), ` ${signed(item.index)}`)),
    one("Trend", signed(item.trend)),
    one("Lately", el("span", { class: kind }, sparkline(item.line))),
    one("Negatives, z", `${signed(item.z).replace(/0$/, "")}`),
    one("Sources in a day", String(item.sources)),
    el("p", { class: "hint" }, `${counts(item)}; last ${minute(item.at)}`)];
}

function alertLine(item) {
  return el("li", { class: `line ${item.status}`, "data-severity": item.severity },
    el("span", { class: "grade" }, mark(item.severity, ""), item.severity),
    el("span", {}, item.summary),
    el("span", { class: "hint" }, item.status === "resolved" ? `${minute(item.opened_at)} to ${minute(item.at)}` : `open since ${minute(item.opened_at)}`));
}
