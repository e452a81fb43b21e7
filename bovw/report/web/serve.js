// The page of `bovw serve`: asks the server, and shows what it says with the views of the result page.

const facts = stored("facts");
const KEPT = 30; // searches that the page steps through
let asked = [];
let blocks = [];
let running = null;
let suggested = 0; // how often names were asked for

// Requests

async function asking(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is bovw serve still running?");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw Object.assign(new Error(sentence(said.error || `The server answered with status ${response.status}`)), said);
}

const fields = (values) => {
  const form = new FormData();
  for (const [name, value] of values) form.append(name, value);
  return form;
};

function complainAt(id, message) {
  byId(id).hidden = !message;
  byId(id).replaceChildren(...(message ? [nameOf(message)] : []));
}

// Pictures to search with

function remove(one) {
  asked = asked.filter((other) => other !== one);
  one.leave();
  drawAsked();
}

function drawAsked() {
  byId("asked").replaceChildren(...asked.map((one) => one.element));
  byId("ask-clear").hidden = !asked.length;
  byId("go").disabled = !asked.length;
}

function replaceAsked(pictures) {
  asked.forEach((one) => one.leave());
  asked = pictures.map((one) => new AskedPicture(one, remove));
  drawAsked();
}

function addFiles(files) {
  complainAt("problem", null);
  const bytes = files.concat(asked.map((one) => one.file).filter(Boolean)).reduce((sum, file) => sum + file.size, 0);
  if (!files.length) complainAt("problem", "No file was given: save the picture first, then choose it.");
  else if (files.length + asked.length > facts.max_pictures) complainAt("problem", `A query may have ${facts.max_pictures} pictures.`);
  else if (bytes > facts.max_bytes) complainAt("problem", `More than ${Math.floor(facts.max_bytes / 1048576)} MB: shrink the pictures, or give fewer.`);
  else {
    asked.push(...files.map((file) => new AskedPicture({ file }, remove)));
    drawAsked();
    search();
  }
}

function searchWith(identifier, size) {
  replaceAsked([{ identifier, size }]);
  search();
}

function searchWithPart(identifier, size) {
  replaceAsked([{ identifier, size }]);
  byId("state").textContent = "Draw a box on the picture, or give it in numbers; then search.";
  asked[0].numbers.open = true;
  byId("ask").scrollIntoView({ block: "start" });
  asked[0].fields[0].focus({ preventScroll: true });
}

// Searching

async function search() {
  if (!asked.length) return;
  if (running) running.abort();
  const mine = (running = new AbortController());
  complainAt("problem", null);
  byId("state").textContent = "Searching\u2026";
  byId("ask").setAttribute("aria-busy", "true");
  const uploads = asked.filter((one) => one.file), named = asked.filter((one) => !one.file);
  const also = ["mirror", "negative"].filter((guise) => byId(`also-${guise}`).checked).join(",");
  try {
    const response = await asking("/api/search", {
      method: "POST", signal: mine.signal, body: fields([
        ...uploads.map((one) => ["pictures", one.file]), ...named.map((one) => ["identifier", pictureUrl(one.identifier)]),
        ...[...uploads, ...named].map((one) => ["region", one.region()]),
        ["k", byId("k").value], ["verify", byId("verify").value], ["expand", byId("expand").value],
        ["also", also || "none"], ["combine", byId("combine").value], ["where", byId("where").value],
      ]),
    });
    const block = await response.json();
    if (mine !== running) return;
    blocks = [...blocks, block].slice(-KEPT);
    remember(`#q${blocks.length}`);
    present(blocks.map(summaryOf), (place) => blocks[place]);
    byId("page").hidden = false;
    const place = byId("page");
    if (place.getBoundingClientRect().top > window.innerHeight - 160) place.scrollIntoView({ block: "start" });
    byId("state").textContent = `${verdict(block.result)[1]}. ${counted(block.result.answers.length, "answer")}.`;
  } catch (error) {
    if (mine !== running) return;
    byId("state").textContent = "";
    complainAt("problem", error.message);
  } finally {
    if (mine === running) byId("ask").removeAttribute("aria-busy");
  }
}

const summaryOf = ({ result }) => ({
  query: result.query, matched: result.matched, answers: result.answers.length, error: result.error !== null,
  best: result.answers.length ? result.answers[0].decision : null,
});

// Answers: stars, searching again, and why

const shortlist = new Shortlist(facts.name, () => { shortlist.show(); drawStars(); });
const pickOf = ({ answer, extra }) => ({
  search: blocks[now.place].search, identifier: answer.identifier, query: now.result.query, rank: answer.rank,
  decision: answer.decision, labels: extra.labels,
});

function star(item) {
  const pick = pickOf(item);
  const button = make("button", {
    type: "button", class: "star", "aria-label": `Keep ${printable(pick.identifier)} in the shortlist`,
    "data-search": pick.search, "data-identifier": pick.identifier, onclick: () => shortlist.toggle(pick),
  });
  return drawStar(button);
}

function drawStar(button) {
  const kept = shortlist.has(button.dataset.search, button.dataset.identifier);
  button.setAttribute("aria-pressed", String(kept));
  button.textContent = kept ? "\u2605 Kept" : "\u2606 Keep";
  return button;
}
const drawStars = () => document.querySelectorAll(".star").forEach(drawStar);

// Buttons to search again; those of a card are short, and say to screen readers what they are for.
function again({ answer: { identifier, size } }, short) {
  const button = (act, brief, text) => make("button", {
    type: "button", title: short ? `${text} ${printable(identifier)}` : null, "aria-label": short ? `${text} ${printable(identifier)}` : null,
    onclick: () => { if (view.dialog.open) view.dialog.close(); act(identifier, size); },
  }, short ? brief : `${text} it`);
  return [button(searchWith, "Search", "Search with"), button(searchWithPart, "Part", "Search with a part of")];
}

async function explain(item) {
  if (item.explained) return;
  item.explained = true;
  item.extra.note = "Looking for the words that count most\u2026";
  view.renew(item);
  try {
    const { search: name } = blocks[now.place];
    const response = await asking("/api/explain", {
      method: "POST", body: fields([["search", name], ["identifier", pictureUrl(item.answer.identifier)]]),
    });
    const { patches, n_words } = await response.json();
    Object.assign(item.extra, { patches, n_words, note: null });
  } catch (error) {
    item.explained = false;
    item.extra.note = error.message;
  }
  view.renew(item);
}

async function askWhyNot(event) {
  event.preventDefault();
  const place = now.place, block = blocks[place];
  complainAt("why-not-problem", null);
  try {
    const response = await asking("/api/explain", {
      method: "POST", body: fields([["search", block.search], ["identifier", pictureUrl(byId("why-not-name").value)]]),
    });
    const one = await response.json();
    block.why_not = [one, ...block.why_not.filter((other) => other.answer.identifier !== one.answer.identifier)];
    if (now.place !== place || blocks[place] !== block) return;
    now.whyNot = block.why_not.map((each) => Object.assign(now.item(each.answer, each, true), { explained: true }));
    showWhyNot();
    now.whyNot[0].button.focus();
  } catch (error) {
    complainAt("why-not-problem", error.message);
  }
}

async function suggest() {
  const text = byId("why-not-name").value;
  const turn = ++suggested;
  if (!text) return;
  try {
    const found = await (await asking(`/api/pictures?${new URLSearchParams({ text, limit: 12 })}`)).json();
    if (turn !== suggested) return; // something else was typed meanwhile
    byId("why-not-names").replaceChildren(...found.pictures.map((one) => make("option", { value: one.identifier })));
  } catch { /* names are suggested, no more; asking itself says what is wrong */ }
}

// The start

function prepare() {
  byId("ask").hidden = false;
  byId("verify").value = facts.verify;
  byId("also-mirror").checked = facts.also.includes("mirror");
  byId("also-negative").checked = facts.also.includes("negative");
  byId("expand").append(...facts.expansions.map((one) => make("option", { selected: one === facts.expand }, one)));
  if (facts.columns.length) {
    byId("where-field").hidden = byId("collection-where-field").hidden = false;
    byId("where-help").append("Columns: ", nameOf(facts.columns.join(", ")));
    byId("collection-label").textContent = "Words in the name and in the register";
  }
  const drop = byId("drop");
  byId("files").addEventListener("change", (event) => { addFiles([...event.target.files]); event.target.value = ""; });
  document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over-it"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over-it"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over-it");
    addFiles([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) { event.preventDefault(); addFiles(files); }
  });
  byId("ask").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  byId("ask-clear").addEventListener("click", () => { replaceAsked([]); byId("state").textContent = ""; byId("files").focus(); });
  byId("why-not-form").addEventListener("submit", askWhyNot);
  byId("why-not-name").addEventListener("input", afterTyping(suggest));

  const collection = new CollectionPanel(searchWith);
  byId("collection-open").addEventListener("click", () => { byId("collection").showModal(); collection.list(); });
  byId("shortlist-open").addEventListener("click", () => byId("shortlist").showModal());
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
  byId("export-csv").addEventListener("click", () => shortlist.export("csv"));
  byId("export-page").addEventListener("click", () => shortlist.export("page"));
  byId("shortlist-clear").addEventListener("click", () => shortlist.set([]));
  hooks.card = (item) => make("div", { class: "card-buttons" }, star(item), again(item, true));
  hooks.opened = explain;
  hooks.asks = true;
  View.prototype.actions = (item) => make("div", { class: "card-buttons" }, star(item), again(item, false));
  shortlist.show();
  drawAsked();
}

start();
byId("page").hidden = true;
prepare();
