// The figures in the masthead, the state of the line, and the refused records.

import { byId, el, setText } from "./dom.js";
import { perSecond, seconds, whole, words } from "./format.js";
import { rateLine } from "./marks.js";

export function showStatus(status, openAlerts, handovers) {
  figure("headline-rate", perSecond(status.headlines_per_s), "/s");
  rateLine(byId("rate-line"), status.headlines_series);
  setText(byId("latency"), seconds(status.latency_s));
  setText(byId("waiting"), whole(status.waiting));
  figure("answer-rate", perSecond(status.answers_per_s), "/s");
  byId("answer-rate").title = status.answer_latency_s === null ? "" : `Median time to an answer: ${seconds(status.answer_latency_s)}`;
  setText(byId("open-alerts"), String(openAlerts));
  byId("open-alerts").classList.toggle("alarm", openAlerts > 0);
  setText(byId("open-handovers"), String(handovers));
  byId("open-handovers").classList.toggle("alarm", handovers > 0);
  byId("jump-handovers").hidden = handovers === 0;
  setText(byId("jump-handovers"), String(handovers));
  setText(byId("refused"), whole(status.dead_letters));
  byId("jump-alerts").hidden = openAlerts === 0;
  setText(byId("jump-alerts"), String(openAlerts));
  const waiting = openAlerts + handovers;
  document.title = waiting ? `(${waiting}) Gretchen` : "Gretchen";
}

function figure(id, value, unit) {
  const node = byId(id);
  if (node.dataset.value === value) return;
  node.dataset.value = value;
  node.replaceChildren(value, el("small", {}, unit));
}

export function showHealth({ state, text, trouble, title }) {
  byId("state").dataset.state = state;
  byId("state").title = title ?? "";
  setText(byId("state-text"), text);
  setText(byId("trouble"), trouble ?? "");
  byId("trouble").hidden = !trouble;
}

export function showRefusals(refused, refusals) {
  byId("reasons").replaceChildren(...Object.entries(refusals).sort((a, b) => b[1] - a[1]).map(([reason, count]) =>
    el("div", {}, el("dt", {}, words(reason)), el("dd", {}, whole(count)))));
  byId("refusal-list").replaceChildren(...(refused.length ? [...refused].reverse().map((one) =>
    el("li", {}, `${words(one.reason)}: `, el("bdi", {}, one.detail), " ", el("span", {}, `${one.topic}, partition ${one.partition}, offset ${one.offset}`))) : [el("li", {}, "None seen.")]));
}
