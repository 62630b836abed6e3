// The choice of a time zone: the machine's, UTC, or any that the browser knows.

import { byId, el } from "./dom.js";
import { setZone, zone } from "./format.js";

export function offerZones(changed) {
  const select = byId("zone");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = Intl.supportedValuesOf?.("timeZone") ?? [];
  const regions = Map.groupBy ? Map.groupBy(known, (name) => name.split("/")[0]) : new Map([["All", known]]);
  select.append(
    el("option", { value: "", title: here }, "Local time"),
    el("option", { value: "UTC" }, "UTC"),
    ...[...regions].map(([region, names]) => el("optgroup", { label: region }, ...names.map((name) => el("option", { value: name }, name.slice(name.indexOf("/") + 1).replaceAll("_", " "))))));
  select.value = zone();
  if (select.value !== zone()) select.append(el("option", { value: zone(), selected: true }, zone())); // another name of one in the list
  select.addEventListener("change", () => { setZone(select.value); changed(); });
}
