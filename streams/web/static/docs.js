// The API's description in words, out of /openapi.json.

import { byId, el } from "./dom.js";

const told = await (await fetch("/openapi.json")).json();
const { schemas } = told.components;
const name = (schema) => schema.$ref.split("/").at(-1);

/** `Words` between backticks are names. */
const prose = (text) => text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));

function kind(schema) {
  if (schema.$ref) return [el("a", { href: `#${name(schema)}` }, name(schema))];
  if (schema.anyOf) return schema.anyOf.flatMap((one, i) => (i ? [" or ", ...kind(one)] : kind(one)));
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  if (schema.type === "array") return ["list of ", ...kind(schema.items)];
  if (schema.type === "object") return ["object"];
  return [schema.format ?? schema.type ?? "any"];
}

function bounds(schema) {
  const found = schema.anyOf?.find((one) => one.type !== "null") ?? schema;
  const { minLength, maxLength, minimum, maximum, pattern } = found;
  return [
    maxLength !== undefined && `${minLength ?? 0} to ${maxLength} characters`,
    maximum !== undefined && `${minimum ?? 0} to ${maximum}`,
    pattern && "letters, digits, - and _"].filter(Boolean).join("; ");
}

function fields(schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([field, of]) =>
    el("tr", {}, el("td", {}, el("code", {}, field)), el("td", {}, ...kind(of)),
      el("td", {}, schema.required?.includes(field) ? "required" : "optional"), el("td", {}, bounds(of))));
  return el("table", {}, el("tbody", {}, ...rows));
}

function operation(path, method, call) {
  const body = call.requestBody?.content["application/json"];
  const curl = [`curl -H "Authorization: Bearer $KEY"`, body && `-H "Content-Type: application/json" -d '${JSON.stringify(body.example)}'`, `"${location.origin}${path.replace("{id}", "shop-4711")}"`];
  return el("section", { id: call.operationId },
    el("h2", {}, el("span", { class: `method ${method}` }, method), el("code", {}, path)),
    el("p", {}, ...prose(call.description)),
    ...(call.parameters.length ? [el("h3", {}, "Parameters"), el("table", {}, el("tbody", {}, ...call.parameters.map((one) =>
      el("tr", {}, el("td", {}, el("code", {}, one.name)), el("td", {}, one.in), el("td", {}, ...prose(one.description)), el("td", {}, bounds(one.schema))))))] : []),
    ...(body ? [el("h3", {}, "Body: ", ...kind(body.schema)), fields(schemas[name(body.schema)])] : []),
    el("h3", {}, "Answers"),
    el("table", {}, el("tbody", {}, ...Object.entries(call.responses).map(([status, one]) =>
      el("tr", {}, el("td", {}, el("code", {}, status)), el("td", {}, ...prose(one.description)), el("td", {}, ...(one.content ? kind(one.content["application/json"].schema) : [])))))),
    ...(call.operationId === "talk" ? [] : [el("h3", {}, "Try it"), el("pre", { tabindex: 0 }, curl.filter(Boolean).join(" \\\n  "))]));
}

byId("docs").replaceChildren(
  el("p", {}, ...prose(told.info.description)),
  ...Object.entries(told.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, call]) => operation(path, method, call))),
  ...Object.entries(schemas).map(([title, schema]) => el("section", { id: title }, el("h2", {}, el("code", {}, title)), el("p", {}, ...prose(schema.description ?? "")), fields(schema))));
byId(location.hash.slice(1))?.scrollIntoView(); // it was not there before
