// Wires the parts: messages change what is known at once, the screen follows once a frame at most.

import { Actions } from "./actions.js";
import { Alerts } from "./alerts.js";
import { Chat } from "./chat.js";
import { Desk } from "./desk.js";
import { byId } from "./dom.js";
import { Entities } from "./entities.js";
import { showHealth, showRefusals, showStatus } from "./figures.js";
import { today } from "./format.js";
import { Headlines } from "./headlines.js";
import { Market } from "./market.js";
import { offerName } from "./name.js";
import { Profile } from "./profile.js";
import * as route from "./route.js";
import { Stream } from "./stream.js";
import { offerZones } from "./zone.js";

const actions = new Actions();
const headlines = new Headlines();
const entities = new Entities(actions);
const market = new Market();
const alerts = new Alerts(actions);
const desk = new Desk();
const chat = new Chat((conversation) => desk.of(conversation));
const profile = new Profile({
  known: (key) => entities.items.get(key) ?? market.items.get(key) ?? null,
  live: (key) => headlines.about(key),
  alerts: (key) => alerts.about(key),
  actions,
});

const dirty = new Set();
let frame = 0;
let day = today();

function soon(...parts) {
  for (const part of parts) dirty.add(part);
  frame ||= requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const acted = dirty.has("acks") || dirty.has("mutes");
  if (dirty.has("headlines")) headlines.render();
  if (dirty.has("entities") || acted) entities.render();
  if (dirty.has("groups")) market.render();
  if (dirty.has("alerts") || acted) alerts.render();
  if (dirty.has("chats") || dirty.has("handovers")) chat.render();
  if (dirty.has("handovers")) desk.render();
  if (stream.status && (dirty.has("status") || dirty.has("alerts") || dirty.has("handovers"))) showStatus(stream.status, alerts.open().length, desk.open().length);
  profile.render();
  dirty.clear();
}

function onSnapshot(message) {
  actions.reset(message);
  headlines.reset(message.headlines);
  entities.reset(message.entities);
  market.reset(message.groups);
  alerts.reset(message.alerts);
  desk.reset(message.handovers);
  chat.reset(message.chats);
  showRefusals(message.refused, message.refusals);
  soon("headlines", "entities", "groups", "alerts", "chats", "handovers", "status");
  showHealth(stream.health());
}

function onDelta(message) {
  actions.add(message);
  if (message.headlines) headlines.add(message.headlines, true, message.skipped);
  if (message.entities) entities.add(message.entities);
  if (message.groups) market.add(message.groups);
  if (message.alerts) alerts.add(message.alerts);
  if (message.handovers) desk.add(message.handovers, true);
  if (message.chats) chat.add(message.chats);
  if (message.refused) showRefusals(message.refused, message.refusals);
  soon(...Object.keys(message));
}

const stream = new Stream("/events", onSnapshot, onDelta);

setInterval(() => {
  showHealth(stream.health());
  profile.refresh();
  if (day !== today()) retime(); // what was today is yesterday
  soon("entities", "chats", "mutes", "handovers"); // an order held while it was pointed at, a question that waits too long, a mute that ended
}, 1000);

function retime() {
  day = today();
  headlines.retime();
  alerts.retime();
  profile.retime();
  desk.retime();
  chat.nodes.clear();
  soon("chats");
}

/** Shows what the address says: the overview, one stream's page or the desk. */
function go() {
  goDesk();
  const key = route.stream();
  if (key === profile.key) return;
  document.body.classList.toggle("at-profile", key !== null);
  byId("profile").hidden = key === null;
  entities.show(key);
  profile.open(key);
  profile.refresh();
  profile.render();
  if (key === null) {
    byId(location.hash.slice(1))?.scrollIntoView(); // it was hidden until now
    return;
  }
  byId("announcer").textContent = `${byId("profile-title").textContent} opened`;
  if (matchMedia("(max-width: 699px)").matches) { byId("profile-title").focus(); scrollTo(0, 0); }
}

function goDesk() {
  const chosen = route.desk();
  if (chosen === desk.chosen) return;
  const came = desk.chosen === null;
  document.body.classList.toggle("at-desk", chosen !== null);
  byId("desk").hidden = chosen === null;
  desk.show(chosen);
  if (chosen === null) {
    byId(location.hash.slice(1))?.scrollIntoView(); // it was hidden until now
    return;
  }
  if (came) byId("desk-title").focus();
  if (chosen) { byId("case-title").focus(); byId("announcer").textContent = `${byId("case-title").textContent} opened`; }
  if (matchMedia("(max-width: 699px)").matches) scrollTo(0, 0);
}

const search = byId("search");
search.addEventListener("input", () => { headlines.render(true); entities.render(true); });
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") { event.preventDefault(); entities.first()?.focus(); }
  if (event.key === "Enter" && search.value.trim()) {
    event.preventDefault();
    location.hash = entities.first()?.getAttribute("href") ?? route.href(search.value.trim()); // the tables may know it all the same
  }
  if (event.key === "Escape") leave(event);
});

/** Esc: first the search goes, then the page that is open. */
function leave(event) {
  event.preventDefault();
  if (search.value) {
    search.value = "";
    search.dispatchEvent(new Event("input"));
  } else {
    route.close();
    search.blur();
  }
}

byId("refused").addEventListener("click", () => byId("refusals").showModal());
byId("headline-list").addEventListener("scroll", () => soon("headlines"), { passive: true });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select") || byId("refusals").open) return;
  if (event.key === "/") { event.preventDefault(); search.focus(); }
  if (event.key === "p") headlines.pause(!headlines.paused);
  if (event.key === "Escape") leave(event);
});
addEventListener("hashchange", go);
offerZones(retime);
offerName();
soon("headlines", "entities", "groups", "alerts", "chats");
go();
