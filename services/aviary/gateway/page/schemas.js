// Elements, and how a schema is told: its kind, its limits, its fields, a value of its shape.
"use strict";

const $ = (id) => document.getElementById(id);
let spec;

/** A DOM element; text is always text, never markup, so nothing of the document can inject any. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

const resolve = (thing) =>
  thing && thing.$ref ? thing.$ref.slice(2).split("/").reduce((at, key) => at[key], spec) : thing;
const typeName = (schema) => (schema.$ref ? schema.$ref.split("/").pop() : schema.type || "");
const kindOf = (schema) => {
  if (schema.type === "array") return `array of ${kindOf(schema.items)}`;
  if (schema.additionalProperties) return `map of ${kindOf(schema.additionalProperties)}`;
  return schema.format ? `${typeName(schema)} · ${schema.format}` : typeName(schema);
};

/** Paragraphs with `code` in them, which is all the Markdown that the protos use. */
function prose(text) {
  const inline = (part) =>
    part.split(/(`[^`]+`)/).map((piece) => (piece.startsWith("`") ? el("code", {}, piece.slice(1, -1)) : piece));
  return el("div", { class: "text" }, (text || "").split("\n\n").map((part) => el("p", {}, inline(part))));
}

function limitsOf(schema) {
  const said = [];
  if (schema.minLength != null || schema.maxLength != null)
    said.push(`${schema.minLength ?? 0}–${schema.maxLength ?? "∞"} characters`);
  if (schema.minimum != null || schema.maximum != null) said.push(`${schema.minimum ?? "−∞"} to ${schema.maximum ?? "∞"}`);
  if (schema.maxItems != null) said.push(`at most ${schema.maxItems}`);
  if (schema.pattern) said.push(schema.pattern);
  if (schema.enum) said.push(schema.enum.join(" | "));
  if (schema.default != null) said.push(`default ${schema.default}`);
  return said.map((text) => el("span", { class: "limit" }, text));
}

/** What lies below a schema: of an array its items, of a map its values. */
const inner = (schema) => resolve(schema.items || schema.additionalProperties || schema);

function fieldItem(name, schema, alwaysThere, inAnswer) {
  const below = inner(schema);
  return el(
    "li", {},
    el("span", { class: "name" }, name),
    el("span", { class: "kind" }, kindOf(schema)),
    alwaysThere && el("span", { class: "kind" }, "· always there"),
    schema.description && el("p", {}, prose(schema.description)),
    limitsOf(schema),
    below.properties && unfolding(typeName(schema.items || schema.additionalProperties || schema), below, inAnswer),
  );
}

/** A nested schema is drawn when it is opened, because a tweet may hold a tweet. */
function unfolding(label, schema, inAnswer) {
  const node = el("details", { class: "more" }, el("summary", {}, `fields of ${label || "it"}`));
  node.addEventListener("toggle", () => node.children.length === 1 && node.append(fieldList(schema, inAnswer)), { once: true });
  return node;
}

/** The fields of a message; what may be counted on is said of answers alone. */
function fieldList(schema, inAnswer = false) {
  const whole = resolve(schema);
  const always = new Set(inAnswer ? whole.required : []);
  const fields = Object.entries(whole.properties || {});
  if (!fields.length) return el("p", { class: "quiet" }, "An empty object.");
  return el("ul", { class: "fields" }, fields.map(([name, one]) => fieldItem(name, one, always.has(name), inAnswer)));
}

/** A value of the schema's shape; `depth` ends what holds itself. */
function example(schema, name = "", depth = 0) {
  const whole = resolve(schema);
  if (whole.const !== undefined) return whole.const;
  if (whole.enum) return whole.enum[0];
  if (whole.type === "array") return depth > 2 ? [] : [example(whole.items, name, depth + 1)];
  if (whole.properties) {
    const shown = Object.entries(whole.properties).filter(([key, one]) =>
      key !== "request_id" && !(depth && one.$ref === schema.$ref && one.$ref) && depth < 4);
    const kept = whole.required && depth ? shown.filter(([key, one]) => whole.required.includes(key) || one.$ref) : shown;
    return Object.fromEntries(kept.filter(([, one]) => depth < 2 || !one.$ref).map(([key, one]) => [key, example(one, key, depth + 1)]));
  }
  if (whole.type === "object") return {};
  if (whole.type === "integer" || whole.type === "number") return whole.default ?? 0;
  if (whole.type === "boolean") return false;
  if (whole.format === "int64") return "7312000000000000000";
  if (whole.format === "date-time") return "2026-11-21T02:00:00.123Z";
  const known = { username: "ada", display_name: "Ada", email: "ada@example.org", password: "correct horse battery", content: "Hello #world" };
  return known[name] ?? "";
}
