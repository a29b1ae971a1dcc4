// The page: all calls in their groups, the list beside them, search and links.

const VERBS = ["get", "post", "put", "delete"];

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
      el("span", { class: `verb ${call.verb}` }, call.verb === "delete" ? "DEL" : call.verb.toUpperCase()), call.operation.operationId)))));
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
