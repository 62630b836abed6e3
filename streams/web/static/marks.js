// Marks that say in shape what they say in color, and the lines.

import { el, svg } from "./dom.js";

const SHAPES = {
  positive: "M5 1l4.4 8H.6z",
  neutral: "M1 3.6h8v2.8H1z",
  negative: "M5 9L.6 1h8.8z",
  critical: "M5 0l5 5-5 5-5-5z",
  warning: "M5 .6L10 9.4H0z",
  info: "M5 .8a4.2 4.2 0 100 8.4A4.2 4.2 0 005 .8z",
  thumb: "M5 7.2v5.6H2.6V7.2zm0 0L7.6 2c1 0 1.8.8 1.7 1.8L9 6.2h3.3c.9 0 1.5.8 1.3 1.7l-.9 3.7c-.2.7-.8 1.2-1.5 1.2H5",
  person: "M6 5.6a2.4 2.4 0 100-4.8 2.4 2.4 0 000 4.8zM1.4 11.2c.5-2.6 2.3-3.8 4.6-3.8s4.1 1.2 4.6 3.8",
};

export function mark(kind, className = "tone") {
  const box = { person: "0 0 12 12", thumb: "0 0 16 16" }[kind] ?? "0 0 10 10";
  return svg("svg", { viewBox: box, class: className, "aria-hidden": true }, svg("path", { d: SHAPES[kind] }));
}

/** What a mark means, for those who do not see it. */
export const spoken = (text) => el("span", { class: "hidden" }, text);

export const tone = (value, from = 0.05) => (value > from ? "positive" : value < -from ? "negative" : "neutral");

const WIDTH = 76;
const HEIGHT = 24;
const RATE_WIDTH = 92;

/** An index from -1 to 1 over time; the same scale for all, so that lines compare. */
export function sparkline(line, width = WIDTH) {
  const step = line.length > 1 ? (width - 4) / (line.length - 1) : 0;
  const left = line.length > 1 ? 0 : width - 4;
  const points = line.map((value, i) => [left + i * step, HEIGHT / 2 - value * (HEIGHT / 2 - 2)]);
  const [x, y] = points[points.length - 1];
  return svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: width === WIDTH ? "spark" : "spark wide", "aria-hidden": true },
    svg("line", { class: "zero", x1: 0, x2: width, y1: HEIGHT / 2, y2: HEIGHT / 2 }),
    svg("polyline", { class: "line", points: points.map((p) => p.map((n) => n.toFixed(1)).join(",")).join(" ") }),
    svg("circle", { class: "last", cx: x.toFixed(1), cy: y.toFixed(1), r: 2.2 }));
}

/** Counts per second over the last minute, as a line with its area. */
export function rateLine(node, counts) {
  const most = Math.max(4, ...counts);
  const points = counts.map((count, i) => `${((i * RATE_WIDTH) / (counts.length - 1)).toFixed(1)},${(19 - (count / most) * 17).toFixed(1)}`);
  node.setAttribute("viewBox", `0 0 ${RATE_WIDTH} 20`);
  node.replaceChildren(
    svg("polygon", { class: "area", points: `0,19 ${points.join(" ")} ${RATE_WIDTH},19` }),
    svg("polyline", { points: points.join(" ") }));
}
