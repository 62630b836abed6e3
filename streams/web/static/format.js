// Times and figures as a desk reads them.

const KEY = "gretchen.zone";

let chosen = ""; // "" is the machine's own
let styles;
setZone(localStorage.getItem(KEY) ?? "");

/** "UTC", a name such as "Europe/Berlin", or "" for the machine's; one that is not known counts as that. */
export function setZone(name) {
  try {
    styles = makeStyles(name || undefined);
    chosen = name;
  } catch {
    styles = makeStyles(undefined);
    chosen = "";
  }
  localStorage.setItem(KEY, chosen);
}

export const zone = () => chosen;

function makeStyles(timeZone) {
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  return {
    day: new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone }),
    clock: new Intl.DateTimeFormat("en-GB", { ...clock, second: "2-digit" }),
    weekday: new Intl.DateTimeFormat("en-GB", { ...clock, weekday: "short" }),
    date: new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", ...clock }),
    full: new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long", timeZone }),
  };
}

/** The date of now, in the zone chosen. */
export const today = () => styles.day.format(new Date());

/** Today's times to the second, this week's with the day, older ones with the date. */
export function time(iso) {
  const at = new Date(iso);
  const age = Math.abs(Date.now() - at) / 86400000;
  if (age < 1 && styles.day.format(at) === today()) return styles.clock.format(at);
  return (age < 6.5 ? styles.weekday : styles.date).format(at).replace(",", "");
}

const utcDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** The day of a bucket that is a day in UTC, whatever the zone chosen. */
export const dayOf = (iso) => utcDay.format(new Date(iso));

/** As `time`, to the minute. */
export const minute = (iso) => time(iso).replace(/^(\d\d:\d\d):\d\d$/, "$1");

export const fullTime = (iso) => styles.full.format(new Date(iso));

export function signed(value) {
  const digits = Math.abs(value).toFixed(2);
  return (digits === "0.00" ? "" : value > 0 ? "+" : "−") + digits;
}

export const percent = (share) => `${Math.min(99, Math.round(share * 100))}%`;

export function perSecond(value) {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 100) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return value < 5400 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
}

export const whole = (value) => value.toLocaleString("en-US");

/** A probability that may be tiny: "0.03", "1 in 40,000". */
export function odds(p) {
  if (!(p > 0)) return "less than 1 in a billion";
  if (p >= 0.01) return p.toFixed(2);
  if (p < 1e-9) return "less than 1 in a billion";
  return `1 in ${Number((1 / p).toPrecision(2)).toLocaleString("en-US")}`;
}

export const span = (s) => (s >= 5400 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 60)} min`);

export const words = (label) => label.replaceAll("_", " ");
