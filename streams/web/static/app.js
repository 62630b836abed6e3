// Wires the parts: messages change what is known at once, the screen follows once a frame at most.

import { Alerts } from "./alerts.js";
import { Chat } from "./chat.js";
import { byId } from "./dom.js";
import { Entities } from "./entities.js";
import { showHealth, showRefusals, showStatus, showZone } from "./figures.js";
import { switchZone } from "./format.js";
import { Headlines } from "./headlines.js";
import { Stream } from "./stream.js";

const choose = (entity) => {
  entities.show(entity);
  headlines.show(entity);
};
const headlines = new Headlines(choose);
const entities = new Entities(choose);
const alerts = new Alerts();
const chat = new Chat();

const dirty = new Set();
let frame = 0;

function soon(...parts) {
  for (const part of parts) dirty.add(part);
  frame ||= requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  if (dirty.has("headlines")) headlines.render();
  if (dirty.has("entities")) entities.render();
  if (dirty.has("alerts")) alerts.render();
  if (dirty.has("chats")) chat.render();
  if (stream.status && (dirty.has("status") || dirty.has("alerts"))) showStatus(stream.status, alerts.open().length);
  dirty.clear();
}

function onSnapshot(message) {
  headlines.reset(message.headlines);
  entities.reset(message.entities);
  alerts.reset(message.alerts);
  chat.reset(message.chats);
  showRefusals(message.refused, message.refusals);
  soon("headlines", "entities", "alerts", "chats", "status");
  showHealth(stream.health());
}

function onDelta(message) {
  if (message.headlines) headlines.add(message.headlines, true, message.skipped);
  if (message.entities) entities.add(message.entities);
  if (message.alerts) alerts.add(message.alerts);
  if (message.chats) chat.add(message.chats);
  if (message.refused) showRefusals(message.refused, message.refusals);
  soon(...Object.keys(message));
}

const stream = new Stream("/events", onSnapshot, onDelta);

setInterval(() => {
  showHealth(stream.health());
  soon("entities", "chats"); // an order held while it was pointed at, a question that waits too long
}, 1000);

byId("zone").addEventListener("click", () => {
  switchZone();
  showZone();
  headlines.retime();
  alerts.retime();
  chat.nodes.clear();
  soon("chats");
});
byId("refused").addEventListener("click", () => byId("refusals").showModal());
byId("headline-list").addEventListener("scroll", () => soon("headlines"), { passive: true });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select") || byId("refusals").open) return;
  if (event.key === "/") { event.preventDefault(); byId("search").focus(); }
  if (event.key === "p") headlines.pause(!headlines.paused);
  if (event.key === "Escape") choose(null);
});
showZone();
headlines.render();
entities.render();
alerts.render();
chat.render();
