// The line to the server: snapshots and deltas in, and what can be said about its health.

import { span, time } from "./format.js";

const SILENCE_MS = 5000; // the server speaks every second
const STUCK_S = 15;
const QUIET_S = 60;

export class Stream {
  constructor(url, onSnapshot, onDelta) {
    this.url = url;
    this.onSnapshot = onSnapshot;
    this.onDelta = onDelta;
    this.heardAt = 0;
    this.failures = 0;
    this.status = null;
    this.open();
  }

  open() {
    this.source?.close();
    this.source = new EventSource(this.url);
    this.source.addEventListener("snapshot", (event) => this.heard(event, this.onSnapshot));
    this.source.addEventListener("delta", (event) => this.heard(event, this.onDelta));
    this.source.addEventListener("error", () => {
      // the browser retries by itself, but not after an answer such as 503
      if (this.source.readyState === EventSource.CLOSED && !this.retry) {
        const wait = Math.min(15000, 1000 * 2 ** this.failures++) * (0.7 + 0.3 * Math.random());
        this.retry = setTimeout(() => { this.retry = null; this.open(); }, wait);
      }
    });
  }

  heard(event, apply) {
    this.heardAt = performance.now();
    this.failures = 0;
    const message = JSON.parse(event.data);
    if (message.status) this.status = message.status;
    apply(message);
  }

  /** {state, text, trouble}: what the reader has to know before trusting the figures. */
  health() {
    const silence = performance.now() - this.heardAt;
    if (!this.heardAt) return { state: "connecting", text: "Connecting" };
    if (this.source.readyState !== EventSource.OPEN || silence > SILENCE_MS) {
      return { state: "reconnecting", text: "Reconnecting", trouble: silence > SILENCE_MS ? `No word from the page’s server for ${Math.round(silence / 1000)} s: what you see is old.` : "" };
    }
    const { broker, trouble, newest_ms, now_ms, waiting, waiting_s } = this.status;
    if (broker === "down") {
      const last = newest_ms === null ? "" : ` The latest headline here came at ${time(newest_ms)}.`;
      return { state: "down", text: "Kafka is away", trouble: trouble + last };
    }
    if (broker === "no topics") return { state: "stale", text: "No topics yet", trouble };
    if (broker !== "connected") return { state: "connecting", text: broker === "loading" ? "Loading" : "Connecting" };
    if (waiting && waiting_s > STUCK_S) {
      return { state: "stale", text: `Nothing scored for ${Math.round(waiting_s)} s`, trouble: `${waiting.toLocaleString("en-US")} ${waiting === 1 ? "record waits" : "records wait"}, the first for ${Math.round(waiting_s)} s: is a worker running?` };
    }
    const age = newest_ms === null ? null : (now_ms + silence - newest_ms) / 1000;
    if (age === null) return { state: "quiet", text: "Waiting for news" };
    if (age > QUIET_S) return { state: "quiet", text: `No news for ${span(age)}`, title: "Kafka answers, and nothing waits to be scored: no headline came in." };
    return { state: "live", text: "Live" };
  }
}
