// The chat: your own conversation, and beside it everyone's as they are answered.

import { byId, el, reconcile, setText } from "./dom.js";
import { percent, time, words } from "./format.js";
import { mark } from "./marks.js";

const KEPT = 120;
const SLOW_MS = 15000;

export class Chat {
  constructor() {
    this.items = new Map(); // question id -> what the server knows of it
    this.nodes = new Map();
    this.mine = true;
    this.conversation = conversationId();
    this.list = byId("talk");
    this.input = byId("question");
    this.heldDown = true;
    this.chosen = false;
    byId("ask").addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.send(); }
    });
    for (const tab of [byId("tab-mine"), byId("tab-all")]) {
      tab.addEventListener("click", () => this.choose(tab.id === "tab-mine"));
      tab.addEventListener("keydown", (event) => {
        if (event.key === "ArrowLeft" || event.key === "ArrowRight") { this.choose(!this.mine); byId(this.mine ? "tab-mine" : "tab-all").focus(); }
      });
    }
    this.list.addEventListener("scroll", () => { this.heldDown = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40; });
  }

  /** `chosen` by a person: until then the page shows the conversation that has something in it. */
  choose(mine, chosen = true) {
    this.mine = mine;
    this.chosen ||= chosen;
    byId("tab-mine").setAttribute("aria-selected", String(mine));
    byId("tab-all").setAttribute("aria-selected", String(!mine));
    byId("tab-mine").tabIndex = mine ? 0 : -1;
    byId("tab-all").tabIndex = mine ? -1 : 0;
    this.list.setAttribute("aria-live", mine ? "polite" : "off"); // everyone's would talk without end
    this.heldDown = true;
    this.render();
  }

  reset(items) {
    const unsent = [...this.items.values()].filter((item) => item.asking);
    this.items.clear();
    this.nodes.clear();
    this.add(items);
    for (const item of unsent) this.items.set(item.id, item);
    if (!this.chosen) this.choose(this.own().length > 0 || this.items.size === 0, false);
  }

  own() {
    return [...this.items.values()].filter((item) => item.conversation === this.conversation);
  }

  add(items) {
    for (const item of items) this.items.set(item.id, item);
    if (!this.chosen && this.mine && items.length && !this.own().length) this.choose(false, false);
    for (const id of this.items.keys()) {
      if (this.items.size <= KEPT) break;
      this.items.delete(id);
    }
  }

  async send() {
    const text = this.input.value.trim();
    if (!text || byId("ask").querySelector(".send").disabled) return;
    this.complain("");
    this.waiting(true);
    const asking = { id: "asking", asking: true, conversation: this.conversation, question: text, asked_at: new Date().toISOString(), answer: null, refused: null };
    this.items.set(asking.id, asking);
    this.heldDown = true;
    this.choose(true);
    try {
      const response = await fetch("/questions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text, conversation_id: this.conversation }) });
      const reply = await response.json();
      if (!response.ok) throw new Error(reply.error ?? `the server answered ${response.status}`);
      this.input.value = "";
      // the answer may have come over the stream before this reply did
      if (!this.items.has(reply.id)) this.items.set(reply.id, { ...asking, id: reply.id, asking: false });
    } catch (error) {
      this.complain(error instanceof TypeError ? "The page’s server does not answer; your question was not sent." : `Not sent: ${error.message}`);
    }
    this.items.delete("asking");
    this.waiting(false);
    this.render();
  }

  waiting(busy) {
    byId("ask").querySelector(".send").disabled = busy;
  }

  complain(line) {
    setText(byId("complaint"), line);
    byId("complaint").hidden = !line;
  }

  render() {
    const items = this.mine ? this.own() : [...this.items.values()].slice(-40);
    const ids = new Set(items.map((item) => item.id));
    for (const id of this.nodes.keys()) if (!ids.has(id)) this.nodes.delete(id);
    reconcile(this.list, items.length ? items.map((item) => this.node(item)) : [el("li", { class: "empty" }, this.mine ? "Ask something a bank’s customer would ask. What the model is not sure of goes to a person." : "No conversation yet.")]);
    if (this.heldDown) this.list.scrollTop = this.list.scrollHeight;
  }

  node(item) {
    const slow = !item.answer && !item.refused && Date.now() - new Date(item.asked_at) > SLOW_MS;
    const known = this.nodes.get(item.id);
    if (known?.item === item && known.slow === slow) return known.node;
    const node = el("li", { class: "turn" }, el("p", { class: "q" }, item.question), reply(item, slow));
    this.nodes.set(item.id, { node, item, slow });
    return node;
  }
}

function reply(item, slow) {
  if (item.refused) return el("div", { class: "a refused" }, el("p", {}, `The desk could not take this question (${words(item.refused)}).`));
  if (!item.answer) {
    if (slow) return el("p", { class: "a thinking" }, "Still waiting: no worker has answered yet.");
    return el("p", { class: "a thinking" }, "Thinking", el("i"), el("i"), el("i"));
  }
  const { text, abstained, intent, confidence, at } = item.answer;
  const why = abstained ? "not sure enough to answer" : `${words(intent ?? "answered")}, ${percent(confidence)} sure`;
  return el("div", { class: `a${abstained ? " abstained" : ""}` },
    abstained ? el("p", { class: "handed" }, mark("person", ""), "Handed over to a person") : null,
    el("p", {}, text),
    el("p", { class: "meta" }, `${why} · ${time(at)}`));
}

/** One conversation a tab, kept over a reload. */
function conversationId() {
  let id = sessionStorage.getItem("gretchen.conversation");
  if (!id) {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    id = "page-" + [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("gretchen.conversation", id);
  }
  return id;
}
