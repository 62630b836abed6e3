// The chat: your own conversation, and beside it everyone's as they are answered.

import { byId, el, reconcile, setText } from "./dom.js";
import { minute } from "./format.js";
import { post } from "./send.js";
import { commentForm, pressed, turn } from "./turn.js";

const KEPT = 120;
const SLOW_MS = 15000;

export class Chat {
  /** `handedOver` finds a conversation's hand-over that is open. */
  constructor(handedOver) {
    this.handedOver = handedOver;
    this.items = new Map(); // question id -> what the server knows of it
    this.nodes = new Map();
    this.mine = true;
    this.conversation = conversationId();
    this.list = byId("talk");
    this.input = byId("question");
    this.heldDown = true;
    this.chosen = false;
    this.deeds = { choose: (option) => this.ask(option), judge: (answer, good) => this.judge(answer, good) };
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

  /** Asks what is written; it stays there until it was taken. */
  async send() {
    const text = this.input.value.trim();
    if (text && await this.ask(text)) this.input.value = "";
  }

  async ask(text) {
    if (byId("ask").querySelector(".send").disabled) return false;
    this.complain("");
    this.waiting(true);
    const asking = { id: "asking", asking: true, conversation: this.conversation, question: text, asked_at: new Date().toISOString(), answer: null, refused: null, good: null };
    this.items.set(asking.id, asking);
    this.heldDown = true;
    this.choose(true);
    let taken = true;
    try {
      const { id } = await post("/questions", { text, conversation_id: this.conversation }, "your question was not sent.");
      // the answer may have come over the stream before this reply did
      if (!this.items.has(id)) this.items.set(id, { ...asking, id, asking: false });
    } catch (error) {
      this.complain(error.message);
      taken = false;
    }
    this.items.delete("asking");
    this.waiting(false);
    this.render();
    return taken;
  }

  /** Says whether an answer was good; of a bad one, what would have been right. */
  async judge(answer, good, comment = "") {
    this.complain("");
    try {
      await post("/api/feedback", { answer_id: answer, good, comment, conversation_id: this.conversationOf(answer) }, "nothing was sent.");
    } catch (error) {
      this.complain(error.message);
      return;
    }
    const node = [...this.nodes.values()].find((known) => known.item.answer?.id === answer)?.node;
    if (!node) return;
    pressed(node, good);
    node.querySelector(".comment")?.remove();
    if (good || comment) return;
    const form = commentForm((words) => this.judge(answer, false, words));
    node.querySelector(".a").append(form);
    form.querySelector("input").focus();
  }

  conversationOf(answer) {
    return [...this.items.values()].find((item) => item.answer?.id === answer)?.conversation ?? null;
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
    const last = this.mine ? items.at(-1) : null;
    reconcile(this.list, items.length ? items.map((item) => this.node(item, item === last)) : [el("li", { class: "empty" }, this.mine ? "Ask something a bank’s customer would ask, or about the news. What the model is not sure of goes to a person." : "No conversation yet.")]);
    const theirs = this.mine && this.handedOver(this.conversation);
    byId("with-person").hidden = !theirs;
    if (theirs) setText(byId("with-person"), `A person has this conversation since ${minute(theirs.since)} and reads what you write.`);
    if (this.heldDown) this.list.scrollTop = this.list.scrollHeight;
  }

  node(item, last) {
    const slow = !item.answer && !item.refused && Date.now() - new Date(item.asked_at) > SLOW_MS;
    const known = this.nodes.get(item.id);
    if (known?.slow === slow && known.last === last && same(known.item, item)) {
      if (known.item.good !== item.good) pressed(known.node, item.good);
      known.item = item;
      return known.node;
    }
    const node = turn(item, slow, last, this.deeds);
    this.nodes.set(item.id, { node, item, slow, last });
    return node;
  }
}

/** Whether two states of a question look the same but for what was thought of its answer: it is answered once. */
const same = (one, other) => one.answer?.id === other.answer?.id && one.refused === other.refused && one.question === other.question && Boolean(one.asking) === Boolean(other.asking);

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
