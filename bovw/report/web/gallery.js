// Queries, filters, and the gallery of answers; fifty are drawn at a time.

const PAGE = 50;
// What queries there are, and what is known of each: `present` sets both.
let index = [];
let blockOf = null;
// What a page adds: to the card of an answer, what it does when one is shown large, and whether
// people may ask why a picture is no better answer.
const hooks = { card: () => null, opened: () => {}, asks: false };
const view = new View(byId("view"));
let now = null;

class Query {
  constructor(place) {
    this.place = place;
    const block = blockOf(place);
    this.result = block.result;
    this.extras = block.queries;
    this.items = this.result.answers.map((answer, i) => this.item(answer, block.answers[i], false));
    this.whyNot = block.why_not.map((one) => this.item(one.answer, one, true));
    this.shown = [];
    this.drawn = 0;
  }

  item(answer, extra, whyNot) {
    const { place } = this;
    return {
      answer, extra, whyNot,
      query: this.result.pictures[answer.query_picture],
      queryExtra: this.extras[answer.query_picture],
      opened() {
        remember(`#q${place + 1}${whyNot ? "w" : "a"}${answer.rank}`);
        hooks.opened(this);
      },
    };
  }
}

function remember(hash) {
  try { history.replaceState(null, "", hash); } catch { /* a page in a frame may not */ }
}

function showQuery(place) {
  now = new Query(place);
  const { result } = now;
  const [kind, words] = verdict(result);
  byId("query-count").textContent = index.length > 1 ? `Query ${place + 1} of ${index.length}` : "Query";
  byId("query-name").replaceChildren(nameOf(lastPart(result.query)));
  byId("query-name").title = printable(result.query);
  byId("query-verdict").replaceChildren(make("span", { class: `verdict-text ${kind}` },
    make("span", { class: "mark", "aria-hidden": "true" }), words));
  byId("query-facts").textContent = result.error !== null ? "" : counted(result.n_features, "feature");
  showQueryPicture(null);
  byId("query-before").disabled = place === 0;
  byId("query-after").disabled = place === index.length - 1;
  for (const button of byId("queries-list").querySelectorAll("button")) {
    const here = Number(button.dataset.place) === place;
    if (here) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  showWhyNot();
  resetFilters();
  filter();
  remember(`#q${place + 1}`);
}

function showWhyNot() {
  byId("why-not").hidden = !now.whyNot.length && !hooks.asks;
  byId("why-not-gallery").replaceChildren(...now.whyNot.map((item, i) => card(item, now.whyNot, i)));
}

// The query with its region, and what an answer matches in it.
function showQueryPicture(item) {
  const { result } = now;
  const which = item ? [item.answer.query_picture] : result.pictures.map((_, i) => i);
  const stages = which.slice(0, 8).map((i) => {
    const picture = result.pictures[i];
    const region = picture.region ? "; the part that was asked with is outlined" : "";
    const quad = item && item.answer.query_quadrilateral;
    return stage(now.extras[i], picture.size, `The query ${printable(lastPart(picture.name))}${region}`,
      regionOf(picture.size, picture.region), quad ? outline(quad) : null);
  });
  if (!result.pictures.length) stages.push(make("span", { class: "unshown" }, "No picture"));
  const box = byId("query-picture");
  box.className = stages.length > 1 ? "query-picture several" : "query-picture";
  box.replaceChildren(...stages);
}

function card(item, items, place) {
  const { answer, extra } = item;
  const kind = kindOf(answer);
  const matched = answer.quadrilateral && answer.verified;
  const label = `${matched ? "The matched part is outlined in " : ""}${printable(answer.identifier)}`;
  const button = make("button", {
    type: "button", class: "card",
    onclick: () => view.show(items, place, goBack),
    onpointerenter: () => showQueryPicture(item), onpointerleave: () => showQueryPicture(null),
    onfocus: () => showQueryPicture(item), onblur: () => showQueryPicture(null),
    title: printable(answer.identifier),
  },
    make("span", { class: "mat" }, stage(extra, answer.size, label, matched ? outline(answer.quadrilateral) : null)),
    make("span", { class: "caption" },
      make("span", { class: "line" }, make("span", { class: "rank" }, make("span", { class: "hidden" }, "Rank "), answer.rank),
        badge(kind), guiseOf(answer)),
      make("span", { class: "name" }, nameOf(answer.identifier)),
      make("span", { class: "quiet" }, inWords(answer)), labelsOf(extra)));
  item.button = button;
  return make("li", {}, button, hooks.card(item));
}

// After the large view: to the card of the answer that was seen last, which may not be drawn yet.
function goBack(item) {
  while (!item.button && now.drawn < now.shown.length) drawMore();
  item.button.focus();
  remember(`#q${now.place + 1}`);
}

// Filters

function resetFilters() {
  const scores = now.result.answers.map((answer) => answer.score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  now.scale = (step) => (step <= 0 ? -Infinity : low + ((high - low) * step) / 100);
  byId("filter-score").value = 0;
  byId("filter-text").value = "";
  byId("filter-score-field").hidden = !(high > low);
  const kinds = Object.keys(DECISIONS).map((kind) => [kind, now.items.filter((item) => kindOf(item.answer) === kind).length]);
  byId("filter-decisions").replaceChildren(make("legend", {}, "Show"),
    ...kinds.filter(([, n]) => n).map(([kind, n]) => make("label", { class: `chip ${kind}` },
      make("input", { type: "checkbox", value: kind, checked: true }),
      make("span", {}, make("span", { class: "mark", "aria-hidden": "true" }), `${DECISIONS[kind]} `, make("b", {}, n)))));
  byId("filters").hidden = !now.items.length;
}

function filter() {
  const kinds = [...byId("filter-decisions").querySelectorAll("input:checked")].map((input) => input.value);
  const text = byId("filter-text").value.trim().toLocaleLowerCase();
  const step = Number(byId("filter-score").value), least = now.scale(step);
  byId("filter-score-value").textContent = step > 0 ? least.toFixed(3) : "any";
  byId("filter-score").setAttribute("aria-valuetext", step > 0 ? least.toFixed(3) : "any");
  const fits = ({ answer, extra }) => kinds.includes(kindOf(answer)) && answer.score >= least &&
    (!text || [answer.identifier, answer.path, ...Object.values(extra.labels)].join("\n").toLocaleLowerCase().includes(text));
  now.shown = now.items.filter(fits);
  now.drawn = 0;
  byId("gallery").replaceChildren();
  const all = now.items.length, n = now.shown.length;
  byId("count").textContent = n === all ? counted(all, "answer") : `${n} of ${counted(all, "answer")}`;
  byId("count").hidden = !all;
  byId("filter-reset").hidden = n === all && !text && step === 0;
  const empty = byId("empty");
  empty.hidden = n > 0;
  if (!n) empty.replaceChildren(all ? "No answer fits the filters." : nameOf(whyNoAnswers(now.result)));
  drawMore();
}

function drawMore() {
  const next = now.shown.slice(now.drawn, now.drawn + PAGE);
  byId("gallery").append(...next.map((item, i) => card(item, now.shown, now.drawn + i)));
  now.drawn += next.length;
  byId("more").hidden = now.drawn >= now.shown.length;
}

// The list of queries

const listed = { shown: [], drawn: 0 };

function filterQueries() {
  const text = byId("queries-text").value.trim().toLocaleLowerCase();
  listed.shown = index.map((one, i) => [one, i]).filter(([one]) => one.query.toLocaleLowerCase().includes(text));
  listed.drawn = 0;
  byId("queries-list").replaceChildren();
  drawMoreQueries();
}

function drawMoreQueries() {
  const next = listed.shown.slice(listed.drawn, listed.drawn + PAGE);
  byId("queries-list").append(...next.map(([one, place]) => {
    const kind = one.error || !one.answers ? "none" : one.best || "none";
    const said = one.error ? "could not be read" : one.answers ? DECISIONS[kind].toLowerCase() : "no answers";
    return make("li", {}, make("button", {
      type: "button", "data-place": place, title: printable(one.query), class: kind,
      "aria-current": now && now.place === place ? "true" : null, onclick: () => showQuery(place),
    }, make("span", { class: "mark", "aria-hidden": "true" }), make("span", { class: "name" }, nameOf(lastPart(one.query))),
      make("span", { class: "hidden" }, `, ${said}`)));
  }));
  listed.drawn += next.length;
  byId("queries-more").hidden = listed.drawn >= listed.shown.length;
}

// Arrows walk through the gallery, Home and End to its ends.
function walk(event) {
  const cards = [...event.currentTarget.querySelectorAll(".card")];
  const here = cards.indexOf(document.activeElement);
  if (here < 0) return;
  const columns = Math.max(1, cards.filter((one) => one.offsetTop === cards[0].offsetTop).length);
  const to = {
    ArrowLeft: here - 1, ArrowRight: here + 1, ArrowUp: here - columns, ArrowDown: here + columns,
    Home: 0, End: cards.length - 1,
  }[event.key];
  if (to === undefined || !cards[to]) return;
  event.preventDefault();
  cards[to].focus();
}

// A page is printed whole: all answers of the query that is shown.
function drawAll() {
  while (now && now.drawn < now.shown.length) drawMore();
}

function start() {
  byId("page").hidden = false;
  byId("filters").addEventListener("input", filter);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", (event) => { event.preventDefault(); resetFilters(); filter(); });
  byId("more").addEventListener("click", () => {
    const first = now.drawn;
    drawMore();
    now.shown[first].button.focus();
  });
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) drawMore(); },
    { rootMargin: "400px" }).observe(byId("more"));
  byId("gallery").addEventListener("keydown", walk);
  byId("why-not-gallery").addEventListener("keydown", walk);
  window.addEventListener("beforeprint", drawAll);
  byId("query-before").addEventListener("click", () => showQuery(now.place - 1));
  byId("query-after").addEventListener("click", () => showQuery(now.place + 1));
  byId("queries-text").addEventListener("input", filterQueries);
  byId("queries-more").addEventListener("click", drawMoreQueries);
  byId("queries").open = window.matchMedia("(min-width: 60rem)").matches;
}

// Show the results of queries, the one that the address names, or the first.
function present(summaries, blocks) {
  [index, blockOf] = [summaries, blocks];
  const several = index.length > 1;
  byId("query-steps").hidden = byId("queries").hidden = !several;
  const asked = /^#q(\d+)(?:([aw])(\d+))?$/.exec(location.hash);
  if (several) filterQueries();
  if (!index.length) {
    byId("query").hidden = byId("filters").hidden = true;
    byId("empty").hidden = false;
    byId("empty").textContent = "There are no queries.";
    return;
  }
  showQuery(asked ? Math.min(Math.max(Number(asked[1]) - 1, 0), index.length - 1) : 0);
  if (asked && asked[3]) {
    const items = asked[2] === "w" ? now.whyNot : now.shown;
    const place = items.findIndex((item) => item.answer.rank === Number(asked[3]));
    if (place >= 0) {
      if (asked[2] === "a") while (now.drawn <= place) drawMore();
      view.show(items, place, goBack);
    }
  }
}
