// The agents' view: conversations that wait for a person, what was said in them, and the reply. Live for everybody.

import { byId, el, reconcile, setText } from "./dom.js";
import { minute, percent, time, words } from "./format.js";
import { mark } from "./marks.js";
import { myName } from "./name.js";
import * as route from "./route.js";
import { post } from "./send.js";

const KEPT = 100;
const CLOSED_SHOWN = 20;
const PENDING_MS = 30000;
const REASONS = { asked: "Asked for a person", unsure: "No sure answer", "with-person": "Wrote again" };
const WHO = { customer: "Customer", gretchen: "Gretchen" };

export class Desk {
  constructor() {
    this.items = new Map(); // conversation -> its hand-over
    this.rows = new Map();
    this.drafts = new Map(); // conversation -> what is written and not sent
    this.pending = []; // sent, and not yet in the transcript
    this.chosen = null; // null: the desk is not open; "": no conversation is
    this.drawn = null;
    this.text = byId("reply-text");
    this.list = byId("case-list");
    byId("reply").addEventListener("submit", (event) => { event.preventDefault(); this.send(event.submitter === byId("reply-close")); });
    this.text.addEventListener("input", () => { this.drafts.set(this.chosen, this.text.value); this.label(); });
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.send(false); }
    });
    this.list.addEventListener("keydown", (event) => this.move(event));
  }

  reset(items) {
    this.items.clear();
    this.add(items, false);
  }

  /** `fresh`: they just happened, and are said to those who do not see them. */
  add(items, fresh) {
    for (const item of items) {
      const known = this.items.get(item.conversation_id);
      if (fresh && item.open && !known?.open) byId("announcer").textContent = `Hand-over: ${REASONS[item.reason].toLowerCase()}`;
      this.items.delete(item.conversation_id);
      this.items.set(item.conversation_id, item);
    }
    for (const [id, item] of this.items) {
      if (this.items.size <= KEPT) break;
      if (!item.open) this.items.delete(id);
    }
    for (const id of this.items.keys()) {
      if (this.items.size <= KEPT) break;
      this.items.delete(id);
    }
  }

  /** Those who wait longest first: a customer's last word without a reply goes before the rest. */
  open() {
    const rank = (item) => (waits(item) ? 0 : 1);
    return [...this.items.values()].filter((item) => item.open).sort((a, b) => rank(a) - rank(b) || new Date(a.since) - new Date(b.since));
  }

  of(conversation) {
    const item = this.items.get(conversation);
    return item?.open ? item : null;
  }

  show(chosen) {
    this.chosen = chosen;
    this.drawn = null;
    this.complain("");
    this.text.value = this.drafts.get(chosen) ?? "";
    this.label();
    this.render();
  }

  retime() {
    this.rows.clear();
    this.drawn = null;
    this.render();
  }

  /** Arrows go through the cases, as in any list. */
  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows = [...this.list.querySelectorAll("a")];
    if (!step || !rows.length) return;
    event.preventDefault();
    rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(document.activeElement) + step))].focus();
  }

  render() {
    if (this.chosen === null) return;
    const open = this.open();
    const closed = [...this.items.values()].filter((item) => !item.open).reverse().slice(0, CLOSED_SHOWN);
    const waiting = open.filter(waits).length;
    setText(byId("desk-hint"), open.length ? `${open.length} open, ${waiting} ${waiting === 1 ? "waits" : "wait"} for a reply` : "");
    const shown = [...open, ...closed];
    const before = this.rows;
    this.rows = new Map(shown.map((item) => {
      const known = before.get(item.conversation_id);
      const current = item.conversation_id === this.chosen;
      return [item.conversation_id, known?.item === item && known.current === current ? known : { item, current, node: row(item, current) }];
    }));
    reconcile(this.list, shown.length ? [...this.rows.values()].map((one) => one.node) : [el("li", { class: "empty" }, "Nobody waits for a person.")]);
    this.renderTalk();
  }

  renderTalk() {
    const item = this.items.get(this.chosen);
    byId("case").hidden = !this.chosen;
    byId("desk").classList.toggle("at-case", Boolean(this.chosen));
    if (!this.chosen) return;
    this.settle(item);
    const pending = this.pending.filter((one) => one.conversation === this.chosen);
    const shape = JSON.stringify([this.chosen, item?.at, item?.open, pending.length]);
    if (this.drawn === shape) return;
    this.drawn = shape;
    setText(byId("case-title"), item ? (item.open ? REASONS[item.reason] : "Given back to Gretchen") : "Not known any more");
    setText(byId("case-since"), item ? `${item.open ? "since" : "began"} ${time(item.since)}${item.language === "en" ? "" : `, language ${item.language}`}` : "This page knows no hand-over of this conversation.");
    setText(byId("case-summary"), item?.summary ?? "");
    byId("case-guesses").replaceChildren(...Object.entries(item?.guesses ?? {}).sort((a, b) => b[1] - a[1]).map(([name, chance]) => el("li", { class: "guess" }, words(name), el("b", {}, percent(chance)))));
    byId("case-guesses").hidden = !byId("case-guesses").firstChild;
    byId("case-lines").replaceChildren(...(item?.transcript ?? []).map((said) => line(said)), ...pending.map((said) => line(said, true)));
    byId("case-lines").scrollTop = byId("case-lines").scrollHeight;
    byId("reply").hidden = !item?.open;
  }

  /** Forgets what was sent once the worker has passed on something since, or gave it up. */
  settle(item) {
    const last = lastReply(item);
    this.pending = this.pending.filter((one) => one.conversation !== this.chosen || (last === one.after && Date.now() - new Date(one.at) < PENDING_MS));
  }

  async send(closes) {
    const conversation = this.chosen;
    const text = this.text.value.trim();
    const by = myName();
    this.complain("");
    if (!by) { this.complain("Write your name first: the customer is told who writes."); byId("desk-me").focus(); return; }
    if (!text && !closes) { this.text.focus(); return; }
    this.busy(true);
    const after = lastReply(this.items.get(conversation)); // seen before it is sent: it may be passed on before the server's reply is here
    try {
      await post(`/api/handovers/${encodeURIComponent(conversation)}/replies`, { text, by, closes }, "your reply was not sent.");
      this.drafts.delete(conversation);
      if (text) this.pending.push({ conversation, role: "person", text, by, at: new Date().toISOString(), after });
      if (this.chosen === conversation) { this.text.value = ""; this.text.focus(); }
    } catch (error) {
      if (this.chosen === conversation) this.complain(error.message);
    }
    this.busy(false);
    this.label();
    this.render();
  }

  busy(yes) {
    for (const button of byId("reply").querySelectorAll("button")) button.disabled = yes;
  }

  label() {
    setText(byId("reply-close"), this.text.value.trim() ? "Send and give back" : "Give back to Gretchen");
  }

  complain(text) {
    setText(byId("reply-complaint"), text);
    byId("reply-complaint").hidden = !text;
  }
}

/** When a person spoke last, as the transcript has it. */
const lastReply = (item) => (item?.transcript ?? []).filter((said) => said.role === "person").at(-1)?.at ?? null;

/** Whether the customer spoke last, Gretchen aside. */
export const waits = (item) => item.transcript.filter((said) => said.role !== "gretchen").at(-1)?.role !== "person";

function row(item, current) {
  const last = item.transcript.filter((said) => said.role === "customer").at(-1);
  const state = !item.open ? `given back${item.by ? ` by ${item.by}` : ""}` : waits(item) ? "waits for a reply" : `answered by ${item.by || "a person"}`;
  return el("li", { class: `case${item.open ? "" : " closed"}${item.open && waits(item) ? " waits" : ""}` },
    el("a", { href: route.deskHref(item.conversation_id), "aria-current": current ? "page" : null },
      el("span", { class: "reason" }, mark("person", ""), REASONS[item.reason]),
      el("time", { datetime: item.since }, minute(item.since)),
      el("span", { class: "last" }, last?.text ?? ""),
      el("span", { class: "hint" }, state)));
}

function line(said, sending = false) {
  const who = said.role === "person" ? said.by || "A person" : WHO[said.role];
  return el("li", { class: `line-of ${said.role}` },
    el("p", { class: "who" }, el("bdi", {}, who), el("time", { datetime: said.at }, sending ? "sending" : time(said.at))),
    el("p", { class: "words" }, said.text));
}
