// One call: what it does, how it fails, a curl line for it, and a form to try it.

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
    el("tr", {}, el("td", {}, status), el("td", {}, (response.$ref || "").split("/").pop()), el("td", {}, prose(resolve(response).description)))))) : null;
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
    content ? section("Answer", fieldList(content.schema, true)) : [],
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
