// What people did about alerts, and the sending of it: acks and mutes, live for everybody.

import { byId, setText } from "./dom.js";
import { myName } from "./name.js";
import { post } from "./send.js";

const KEPT = 400;

export class Actions {
  constructor() {
    this.acks = new Map(); // episode -> {by, at, note}
    this.mutes = new Map(); // stream -> {by, at, until}
  }

  reset({ acks, mutes }) {
    this.acks.clear();
    this.mutes.clear();
    this.add({ acks, mutes });
  }

  add({ acks = [], mutes = [] }) {
    keep(this.acks, acks);
    keep(this.mutes, mutes);
  }

  acked(episode) {
    const ack = this.acks.get(episode);
    return ack && !ack.undone ? ack : null;
  }

  /** The mute that holds now, or null. */
  muted(stream) {
    const mute = this.mutes.get(stream);
    return mute?.until && new Date(mute.until) > Date.now() ? mute : null;
  }

  ack(episode) {
    return this.send(`/api/alerts/${encodeURIComponent(episode)}/ack`, {});
  }

  unack(episode) {
    return this.send(`/api/alerts/${encodeURIComponent(episode)}/unack`, {});
  }

  mute(stream, lasting) {
    return this.send(`/api/streams/${encodeURIComponent(stream)}/mute`, { for: lasting });
  }

  unmute(stream) {
    return this.send(`/api/streams/${encodeURIComponent(stream)}/unmute`, {});
  }

  /** Resolves to whether it was taken; what came of it arrives over the stream, as everybody's does. */
  async send(path, body) {
    try {
      await post(path, { ...body, by: myName() }, "nothing was changed.");
      complain("");
      return true;
    } catch (error) {
      complain(error.message);
      return false;
    }
  }
}

function keep(map, views) {
  for (const view of views) {
    map.delete(view.key); // last in the map: the oldest goes first
    map.set(view.key, view);
  }
  for (const key of map.keys()) {
    if (map.size <= KEPT) break;
    map.delete(key);
  }
}

function complain(line) {
  setText(byId("refusal"), line);
  byId("refusal").hidden = !line;
}
