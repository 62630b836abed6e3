// One turn of a conversation: the question, its status, the answer with where it comes from, and what may be done about it.

import { el } from "./dom.js";
import { percent, time, words } from "./format.js";
import { mark } from "./marks.js";

export const WAYS = {
  template: "One of the team’s answers",
  documents: "Read in the documents",
  live: "Computed on the live stream",
  "small-talk": "Small talk",
  clarify: "Asked back",
  unsure: "Not sure enough to answer",
  handover: "Handed over to a person",
  person: "Written by a person",
};
const JUDGED = ["template", "documents", "live"];

/** `slow`: it waits too long. `last`: what it asks back can still be answered. `deeds`: {choose, judge}. */
export function turn(item, slow, last, deeds) {
  const asked = item.question ? el("p", { class: "q" }, item.question) : null;
  return el("li", { class: "turn" }, asked, reply(item, slow, last, deeds));
}

function reply(item, slow, last, deeds) {
  if (item.refused) return el("div", { class: "a refused" }, el("p", {}, `The desk could not take this question (${words(item.refused)}).`));
  if (!item.answer) {
    if (slow) return el("p", { class: "a thinking" }, "Received. Still waiting: no worker has answered yet.");
    return el("p", { class: "a thinking" }, item.asking ? "Sending" : "Received", el("i"), el("i"), el("i"));
  }
  const { answer } = item;
  const kind = { handover: " abstained", person: " by-person", unsure: " asks", clarify: " asks" }[answer.way] ?? "";
  const quotes = answer.sources.filter((source) => source.kind === "document");
  return el("div", { class: `a${kind}` },
    from(answer),
    el("p", { class: "said-to-them" }, answer.text || (answer.way === "person" ? "The conversation is back with Gretchen." : "")),
    last && answer.options.length ? options(answer, deeds) : null,
    ...quotes.map(quote),
    answer.instruction ? el("p", { class: "computed" }, "Computed: ", el("code", {}, answer.instruction)) : null,
    el("div", { class: "meta" }, el("time", { datetime: answer.at }, time(answer.at)),
      answer.way === "person" ? null : why(answer),
      JUDGED.includes(answer.way) && !answer.abstained ? thumbs(item, deeds) : null));
}

function from({ way, by }) {
  if (way === "handover") return el("p", { class: "handed" }, mark("person", ""), "Handed over to a person");
  if (way === "person") return el("p", { class: "handed" }, mark("person", ""), el("bdi", {}, by || "A person"), by ? el("span", { class: "hint" }, "a person") : null);
  return null;
}

function options({ options: offered }, { choose }) {
  return el("ul", { class: "options", "aria-label": "Choose one, or write" }, ...offered.map((option) =>
    el("li", {}, el("button", { type: "button", class: "quiet", onclick: () => choose(option) }, option))));
}

function quote({ document: title, heading, quote: said, start, end }) {
  const place = start !== undefined && end !== undefined ? `characters ${start} to ${end}` : null;
  return el("figure", { class: "quoted", title: place },
    el("blockquote", {}, said ?? ""),
    el("figcaption", {}, el("cite", {}, title ?? "A document"), heading ? el("span", {}, heading) : null));
}

function why(answer) {
  const rows = [[WAYS[answer.way] ?? words(answer.way), answer.intent ? words(answer.intent) : "", answer.confidence]];
  const others = answer.why.filter((one) => one.way !== answer.way);
  return el("details", { class: "why" }, el("summary", {}, "Why"),
    el("ul", {}, ...rows.map(([way, what, chance]) => el("li", {}, el("b", {}, way), what ? `: ${what}` : "", `, ${percent(chance)} sure`)),
      ...answer.why.filter((one) => one.way === answer.way && one.said).map((one) => el("li", {}, words(one.said))),
      ...others.map((one) => el("li", {}, `${WAYS[one.way] ?? one.way}: ${percent(one.confidence)}`, one.said ? `, ${words(one.said)}` : "")),
      answer.language === "en" ? null : el("li", {}, `Language: ${answer.language}`)));
}

function thumbs(item, { judge }) {
  const thumb = (good, name) => el("button", { type: "button", class: `thumb ${good ? "up" : "down"}`, "aria-label": name, title: name, "aria-pressed": String(item.good === good), onclick: () => judge(item.answer.id, good) }, mark("thumb", ""));
  return el("span", { class: "thumbs" }, thumb(true, "Good answer"), thumb(false, "Bad answer"));
}

/** Shows what was thought of an answer without drawing it anew: who writes a comment goes on writing. */
export function pressed(node, good) {
  node.querySelector(".thumb.up")?.setAttribute("aria-pressed", String(good === true));
  node.querySelector(".thumb.down")?.setAttribute("aria-pressed", String(good === false));
}

/** Asks what would have been right; `send` gets the words. */
export function commentForm(send) {
  const input = el("input", { maxlength: 1000, placeholder: "What would have been right?", "aria-label": "What would have been right? Optional", autocomplete: "off" });
  const form = el("form", { class: "comment" }, input, el("button", { class: "quiet" }, "Send"));
  form.addEventListener("submit", (event) => { event.preventDefault(); if (input.value.trim()) send(input.value.trim()); form.remove(); });
  return form;
}
