"use strict";

const VERBS = ["get", "post", "put", "delete"];
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

function fieldItem(name, schema, required) {
  const below = inner(schema);
  return el(
    "li", {},
    el("span", { class: "name" }, name),
    el("span", { class: "kind" }, kindOf(schema)),
    required && el("span", { class: "must" }, "always there"),
    schema.description && el("p", {}, prose(schema.description)),
    limitsOf(schema),
    below.properties && unfolding(typeName(schema.items || schema.additionalProperties || schema), below),
  );
}

/** A nested schema is drawn when it is opened, because a tweet may hold a tweet. */
function unfolding(label, schema) {
  const node = el("details", { class: "more" }, el("summary", {}, `fields of ${label || "it"}`));
  node.addEventListener("toggle", () => node.children.length === 1 && node.append(fieldList(schema)), { once: true });
  return node;
}

function fieldList(schema) {
  const whole = resolve(schema);
  const required = new Set(whole.required || []);
  const fields = Object.entries(whole.properties || {});
  if (!fields.length) return el("p", { class: "quiet" }, "An empty object.");
  return el("ul", { class: "fields" }, fields.map(([name, one]) => fieldItem(name, one, required.has(name))));
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

const pretty = (value) => JSON.stringify(value, null, 2);
const bodySchema = (call) => call.operation.requestBody?.content["application/json"].schema;

/** The body to begin with: what the first call of a newcomer needs, and no more. */
function starterBody(call) {
  const whole = resolve(bodySchema(call));
  const first = ["username", "email", "password", "display_name", "content", "refresh_token", "bio"];
  const names = Object.keys(whole.properties || {}).filter((name) => first.includes(name));
  const wanted = call.operation.operationId === "Login" ? names.filter((name) => name !== "email") : names;
  return Object.fromEntries(wanted.map((name) => [name, example(whole.properties[name], name)]));
}

function curl(call, values, body) {
  const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [`curl ${quote(location.origin + addressOf(call, values))}`];
  if (call.verb !== "get") lines[0] = lines[0].replace("curl", `curl -X ${call.verb.toUpperCase()}`);
  if (needsToken(call)) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  if (body) lines.push("-H 'Content-Type: application/json'", `-d ${quote(body)}`);
  return lines.join(" \\\n  ");
}

const needsToken = (call) => !(call.operation.security && call.operation.security.length === 0);

function addressOf(call, values) {
  const query = new URLSearchParams();
  let path = call.path;
  for (const parameter of call.parameters) {
    const value = values[parameter.name];
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, value ? encodeURIComponent(value) : `{${parameter.name}}`);
    else if (parameter.in === "query" && value)
      for (const one of parameter.schema.type === "array" ? value.split(/[\s,]+/) : [value]) query.append(parameter.name, one);
  }
  return query.size ? `${path}?${query}` : path;
}

function copyButton(text) {
  const button = el("button", { class: "small", type: "button" }, "copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text());
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1200);
  });
  return button;
}

function tryIt(call) {
  const inputs = call.parameters.map((parameter) => [
    parameter,
    el("input", { name: parameter.name, placeholder: parameter.in === "path" ? "required" : kindOf(parameter.schema) }),
  ]);
  const area = bodySchema(call) && el("textarea", { "aria-label": "Body", spellcheck: "false" });
  if (area) area.value = Object.keys(starterBody(call)).length ? pretty(starterBody(call)) : "";
  const values = () => Object.fromEntries(inputs.map(([parameter, input]) => [parameter.name, input.value.trim()]));
  const command = el("pre", { "data-curl": "" });
  const refresh = () => (command.textContent = curl(call, values(), area?.value.trim()));
  const outcome = el("div", { class: "outcome", hidden: true, "aria-live": "polite" });
  const form = el(
    "form", { oninput: refresh },
    inputs.map(([parameter, input]) => el("label", {}, `${parameter.name} (${parameter.in})`, input)),
    area && el("label", {}, "body", area),
    el("div", {}, el("button", { type: "submit" }, "Send")),
    outcome,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(call, values(), area?.value.trim(), outcome);
  });
  refresh();
  return el(
    "div", { class: "beside" },
    el("div", { class: "bar" }, el("h3", {}, "curl"), copyButton(() => command.textContent)), command,
    el("h3", {}, "Try it"), form,
    ...answerExample(call),
  );
}

function answerExample(call) {
  const content = call.operation.responses["200"]?.content?.["application/json"];
  return content ? [el("h3", {}, "An answer"), el("pre", {}, pretty(example(content.schema)))] : [];
}

async function send(call, values, body, outcome) {
  const headers = {};
  const token = $("token").value.trim();
  if (needsToken(call) && token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  for (const parameter of call.parameters)
    if (parameter.in === "header" && values[parameter.name]) headers[parameter.name] = values[parameter.name];
  outcome.hidden = false;
  outcome.replaceChildren("…");
  const started = performance.now();
  try {
    const answer = await fetch(addressOf(call, values), { method: call.verb.toUpperCase(), headers, body: body || undefined });
    const text = await answer.text();
    showAnswer(outcome, answer, text, performance.now() - started);
  } catch (error) {
    outcome.replaceChildren(el("b", { class: "bad" }, "No answer"), ` ${error.message}`);
  }
}

function showAnswer(outcome, answer, text, took) {
  let shown = text;
  try {
    const value = JSON.parse(text);
    shown = pretty(value);
    // Whoever has just registered or logged in wants to go on as that user.
    if (answer.ok && value.access_token) $("token").value = value.access_token;
  } catch { /* Not JSON: shown as it came. */ }
  const told = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "x-request-id"]
    .filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
  outcome.replaceChildren(
    el("b", { class: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText}`), ` in ${Math.round(took)} ms`,
    el("pre", {}, [...told, "", shown].join("\n")),
  );
}

function errorTable(call) {
  const rows = Object.entries(call.operation.responses).filter(([status]) => status >= "400");
  return rows.length ? el("table", { class: "errors" }, el("tbody", {}, rows.map(([status, response]) =>
    el("tr", {}, el("td", {}, status), el("td", {}, (response.$ref || "").split("/").pop()), el("td", {}, resolve(response).description))))) : null;
}

function aboutCall(call) {
  const body = bodySchema(call);
  const content = call.operation.responses["200"]?.content?.["application/json"];
  const section = (title, ...parts) => [el("h3", {}, title), ...parts];
  const errors = errorTable(call);
  return el(
    "div", { class: "about" },
    prose(call.operation.description || call.operation.summary),
    call.parameters.length ? section("Parameters", el("ul", { class: "fields" }, call.parameters.map(parameterItem))) : [],
    body ? section("Body", fieldList(body)) : [],
    content ? section(`Answer${content.schema.$ref ? `: ${typeName(content.schema)}` : ""}`, fieldList(content.schema)) : [],
    errors ? section("Errors", errors) : [],
  );
}

function parameterItem(parameter) {
  return el(
    "li", {}, el("span", { class: "name" }, parameter.name),
    el("span", { class: "kind" }, `${parameter.in} · ${kindOf(parameter.schema)}`),
    parameter.required && el("span", { class: "must" }, "required"),
    parameter.description && el("p", {}, prose(parameter.description)), limitsOf(parameter.schema),
  );
}

function card(call) {
  const path = call.path.split(/(\{\w+\})/).map((part) => (part.startsWith("{") ? el("i", {}, part) : part));
  const node = el(
    "details", { class: "call", id: call.id },
    el("summary", {},
      el("span", { class: `verb ${call.verb}` }, call.verb.toUpperCase()), el("span", { class: "path" }, path),
      !needsToken(call) && el("span", { class: "open-to-all", title: "needs no token" }, "public"),
      el("span", { class: "what" }, call.operation.summary)),
  );
  // Drawn when first opened: most are never looked at.
  node.addEventListener("toggle", () => {
    if (node.open && node.children.length === 1) node.append(el("div", { class: "inside" }, aboutCall(call), tryIt(call)));
    if (node.open) history.replaceState(null, "", `#${call.id}`);
    markCurrent();
  });
  return node;
}

function callsOf(document_) {
  const calls = [];
  for (const [path, verbs] of Object.entries(document_.paths))
    for (const verb of VERBS)
      if (verbs[verb]) {
        const operation = verbs[verb];
        const parameters = (operation.parameters || []).map(resolve);
        calls.push({ path, verb, operation, parameters, id: operation.operationId, tag: operation.tags[0], words: wordsOf(path, verb, operation, parameters) });
      }
  return calls;
}

function wordsOf(path, verb, operation, parameters) {
  const body = resolve(operation.requestBody?.content["application/json"].schema)?.properties || {};
  const errors = Object.values(operation.responses).map((one) => (one.$ref || "").split("/").pop());
  return [verb, path, operation.operationId, operation.description, operation.summary, ...parameters.map((one) => one.name), ...Object.keys(body), ...errors]
    .join(" ").toLowerCase();
}

function draw(calls) {
  const groups = spec.tags.map((tag) => ({ ...tag, calls: calls.filter((call) => call.tag === tag.name) }));
  $("main").replaceChildren(
    el("div", { class: "intro" }, el("h1", {}, `${spec.info.title} API`), prose(spec.info.description),
      el("p", {}, el("a", { href: "/openapi.json" }, "openapi.json"), ` · ${calls.length} calls`)),
    ...groups.map((group) => el("section", { class: "group", "data-group": group.name },
      el("h2", {}, group.name), el("p", {}, group.description), group.calls.map(card))),
    el("p", { class: "quiet", id: "nothing", hidden: true }, "No call matches."),
  );
  $("nav").replaceChildren(...groups.map((group) => el("div", { "data-group": group.name },
    el("h2", {}, group.name),
    group.calls.map((call) => el("a", { href: `#${call.id}`, "data-call": call.id },
      el("span", { class: `verb ${call.verb}` }, call.verb.slice(0, 4).toUpperCase()), call.operation.operationId)))));
}

function search(calls, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = new Set(calls.filter((call) => words.every((word) => call.words.includes(word))).map((call) => call.id));
  for (const call of calls) {
    $(call.id).hidden = !found.has(call.id);
    document.querySelector(`[data-call="${call.id}"]`).hidden = !found.has(call.id);
  }
  for (const group of document.querySelectorAll("[data-group]"))
    group.hidden = !calls.some((call) => call.tag === group.dataset.group && found.has(call.id));
  $("nothing").hidden = found.size > 0;
}

function markCurrent() {
  for (const link of document.querySelectorAll("nav a"))
    location.hash === `#${link.dataset.call}` ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
}

function openFromHash() {
  const node = location.hash && $(decodeURIComponent(location.hash.slice(1)));
  if (node && node.classList.contains("call")) {
    node.open = true;
    node.scrollIntoView();
  }
  markCurrent();
}

async function start() {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`/openapi.json answered ${answer.status}`);
  spec = await answer.json();
  const calls = callsOf(spec);
  $("version").textContent = spec.info.version;
  draw(calls);
  $("search").addEventListener("input", (event) => search(calls, event.target.value));
  addEventListener("hashchange", openFromHash);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      $("search").focus();
    }
  });
  openFromHash();
}

start().catch((error) => $("main").replaceChildren(el("p", { role: "alert" }, `The description could not be loaded: ${error.message}`)));
