// Bars over time: an alert's series with what is usual and what alarms, and a stream's history.

import { el, svg } from "./dom.js";
import { dayOf, minute, signed, span, whole } from "./format.js";

const WIDTH = 320;
const HEIGHT = 46;
const TONE_HEIGHT = 30;

const points = (pairs) => pairs.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** An alert's series; its newest bucket ends at about the alert's time. */
export function seriesChart(item) {
  const { values, expected, threshold, bucket_s } = item.series;
  const said = values.filter((value) => value !== null);
  const signedScale = item.kind === "turn";
  const top = signedScale ? 1 : Math.max(item.kind === "share" ? 1 : 0, 1e-9, expected, threshold ?? 0, ...said) * 1.06;
  const low = signedScale ? -1 : 0;
  const y = (value) => HEIGHT - ((value - low) / (top - low)) * HEIGHT;
  const step = WIDTH / Math.max(1, values.length);
  const bars = values.map((value, i) => value === null || (value === 0 && !signedScale) ? null
    : svg("rect", { class: `bar${threshold !== null && value > threshold ? " over" : ""}`, x: (i * step).toFixed(2), width: Math.max(0.8, step - 1).toFixed(2), y: Math.min(y(value), y(0)).toFixed(2), height: Math.max(1, Math.abs(y(value) - y(0))).toFixed(2) }));
  const line = (kind, value) => svg("line", { class: kind, x1: 0, x2: WIDTH, y1: y(value).toFixed(2), y2: y(value).toFixed(2) });
  const shown = span(values.length * bucket_s);
  const told = (value) => figure(item.kind, value);
  return el("figure", { class: "series" },
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": spokenSeries(item, shown) },
      ...bars, line("floor", 0), line("usual", expected), threshold === null ? null : line("alarm", threshold)),
    el("figcaption", {},
      el("span", { class: "from" }, `${shown} to ${minute(item.at)}`),
      el("span", { class: "key usual" }, `usual ${told(expected)} in ${span(bucket_s)}`),
      threshold === null ? null : el("span", { class: "key alarm" }, `alarm ${told(threshold)}`)));
}

function spokenSeries(item, shown) {
  const { values, expected, threshold, bucket_s } = item.series;
  const last = values.slice(-6).map((value) => (value === null ? "none" : figure(item.kind, value))).join(", ");
  return `The last ${shown} in steps of ${span(bucket_s)}, at the end ${last}; usual ${figure(item.kind, expected)}${threshold === null ? "" : `, alarm above ${figure(item.kind, threshold)}`}`;
}

/** A value of an alert of this kind: a share in percent, a tone with its sign, else a count. */
function figure(kind, value) {
  if (kind === "share") return `${Math.round(value * 100)}%`;
  if (kind === "turn") return signed(value);
  if (value > 0 && value < 0.01) return "under 0.01";
  return value >= 9.95 || Number.isInteger(value) ? whole(Math.round(value)) : String(Number(value.toPrecision(2)));
}

/** `buckets` of [negative, neutral, positive, tone or null], the newest beginning at `begin`, `step_s` long. */
export function historyChart(title, buckets, begin, step_s) {
  const at = (i) => new Date(new Date(begin) - (buckets.length - 1 - i) * step_s * 1000).toISOString();
  const when = (i) => (step_s < 86400 ? minute : dayOf)(at(i));
  const volume = buckets.map(([negative, neutral, positive]) => negative + neutral + positive);
  const most = Math.max(1, ...volume);
  const step = WIDTH / buckets.length;
  const y = (count) => HEIGHT - (count / most) * (HEIGHT - 1);
  const bar = (kind, i, count) => count ? svg("rect", { class: kind, x: (i * step).toFixed(2), width: Math.max(1, step - 1).toFixed(2), y: y(count).toFixed(2), height: ((count / most) * (HEIGHT - 1)).toFixed(2) }) : null;
  const bars = buckets.map((bucket, i) => svg("g", {},
    svg("rect", { class: "reach", x: (i * step).toFixed(2), width: step.toFixed(2), y: 0, height: HEIGHT }),
    bar("all", i, volume[i]), bar("negative", i, bucket[0]),
    svg("title", {}, `${when(i)}: ${volume[i]} headlines, ${bucket[0]} negative${bucket[3] === null ? "" : `, tone ${signed(bucket[3])}`}`)));
  const total = volume.reduce((a, b) => a + b, 0);
  const negatives = buckets.reduce((sum, bucket) => sum + bucket[0], 0);
  return el("figure", { class: "history" },
    el("figcaption", {}, el("b", {}, title), el("span", {}, `${whole(total)} headlines, ${whole(negatives)} negative; most ${whole(most)}`)),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "counts", role: "img", "aria-label": `${title}: ${total} headlines, ${negatives} negative, ${most} at most at a time` }, ...bars),
    toneLine(buckets, step),
    el("p", { class: "axis", "aria-hidden": true }, ...[0, Math.floor(buckets.length / 2), buckets.length - 1].map((i) => el("span", {}, when(i)))));
}

/** The mean tone of each bucket that has one, -1 to 1; a gap stays a gap. */
function toneLine(buckets, step) {
  const y = (tone) => TONE_HEIGHT / 2 - tone * (TONE_HEIGHT / 2 - 2);
  const runs = [[]];
  buckets.forEach((bucket, i) => {
    if (bucket[3] === null) runs.push([]);
    else runs[runs.length - 1].push([(i + 0.5) * step, y(bucket[3])]);
  });
  const drawn = runs.filter((run) => run.length).map((run) => run.length > 1
    ? svg("polyline", { class: "tone-line", points: points(run) })
    : svg("line", { class: "tone-line", x1: run[0][0] - step / 2, x2: run[0][0] + step / 2, y1: run[0][1], y2: run[0][1] }));
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${TONE_HEIGHT}`, preserveAspectRatio: "none", class: "tones", "aria-hidden": true },
    svg("line", { class: "floor", x1: 0, x2: WIDTH, y1: TONE_HEIGHT / 2, y2: TONE_HEIGHT / 2 }), ...drawn);
}
