// The page of a comparison, from the JSON of `Comparison.to_dict`.

const data = stored("data");
const systems = Object.keys(data.systems);
const alone = systems.length === 1;
const metric = data.metrics[0];
const PAGE = 50;
const FACTS = [["milliseconds", "Time of a query", "ms", 1], ["index_seconds", "Time to index a picture", "s", 1], ["bytes", "Size of a picture", "KB", 1 / 1024]];
let pair = systems.slice(0, 2);
let shownQueries = [], drawnQueries = 0;

const meanOf = (name, m) => data.systems[name].macro[m];
const level = `${+(100 * data.level).toPrecision(4)} %`;

function drawScores() {
  const rows = data.metrics.map((m) => {
    const means = systems.map((name) => meanOf(name, m));
    const best = Math.max(...means.filter((v) => v !== null));
    return make("tr", {}, make("th", { scope: "row" }, m), systems.map((name, i) => {
      const [low, high] = data.systems[name].intervals[m];
      const leads = !alone && means[i] === best && means.some((v) => v !== best);
      return make("td", { class: leads ? "best" : null }, make("b", {}, short(means[i])),
        leads ? make("span", { class: "hidden" }, " highest") : null,
        make("span", { class: "quiet" }, low === null ? "no interval" : `${short(low)} to ${short(high)}`));
    }));
  });
  FACTS.forEach(([key, name, unit, scale]) => {
    const values = systems.map((s) => data.systems[s].facts[key]);
    if (values.every((v) => typeof v !== "number")) return;
    rows.push(make("tr", {}, make("th", { scope: "row" }, name),
      values.map((v) => make("td", {}, typeof v === "number" ? `${Number((v * scale).toPrecision(3)).toLocaleString("en")} ${unit}` : "not known"))));
  });
  byId("scores").append(
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Mean of"), systems.map((name) => make("th", { scope: "col" }, nameOf(name))))),
    make("tbody", {}, rows));
  byId("scores-about").textContent = `Under each mean its interval of ${level}, by drawing groups of queries again and again.${alone ? "" : " A star marks the highest mean of a metric."}`;
}

function sentenceOf(d) {
  const { mean, low, high } = d.difference;
  if (!mean) return [make("p", { class: "lead" }, nameOf(d.better), " and ", nameOf(d.worse), ` have the same mean ${d.metric}.`), null];
  return [
    make("p", { class: "lead" }, nameOf(d.better), d.real ? " is better than " : " is not shown to be better than ", nameOf(d.worse), `, by ${short(mean)} in ${d.metric}.`),
    make("p", { class: "quiet" }, `Interval of the difference ${short(low)} to ${short(high)}; p = ${d.adjusted.toFixed(4)} (paired randomisation test, corrected by Holm); effect size ${d.effect === null ? "not known" : d.effect.toFixed(2)}; better in ${counted(d.wins, "query", "queries")}, worse in ${d.losses.toLocaleString("en")}.`),
  ];
}

// Several pairs of systems: a row for each.
function drawDifferences(found) {
  const head = ["Difference", "by", `Interval of ${level}`, "p", "Effect size", "Better in", "Worse in"];
  byId("differences").append(
    make("h3", { id: "differences-title" }, `Differences in ${metric}`),
    make("div", { class: "scrolls", role: "region", tabindex: 0, "aria-labelledby": "differences-title" },
      make("table", {},
        make("thead", {}, make("tr", {}, head.map((cell) => make("th", { scope: "col" }, cell)))),
        make("tbody", {}, found.map((d) => make("tr", {},
          make("th", { scope: "row" }, nameOf(d.better), make("b", {}, d.real ? " is better than " : " is not shown to be better than "), nameOf(d.worse)),
          [short(d.difference.mean), `${short(d.difference.low)} to ${short(d.difference.high)}`, d.adjusted.toFixed(4), d.effect === null ? "–" : d.effect.toFixed(2), d.wins, d.losses].map((cell) => make("td", {}, cell))))))),
    make("p", { class: "quiet" }, "p: paired randomisation test, corrected by Holm. Effect size: in standard deviations of the differences between groups."));
}

const differenceOf = ([one, other]) => data.differences.find((d) => d.metric === metric && [d.better, d.worse].includes(one) && [d.better, d.worse].includes(other));

function drawCurves() {
  byId("legend").hidden = alone;
  byId("legend").append(...systems.map((name, i) => make("li", {}, swatch(i), nameOf(name))));
  const of = (key) => systems.map((name) => ({ name, values: data.systems[name].curves[key] }));
  const k = data.systems[systems[0]].curves.k;
  const recalls = Array.from({ length: 101 }, (_, i) => i / 100);
  byId("charts").append(lineChart({ title: "Precision against recall (interpolated)", xName: "recall", xs: recalls, series: of("precision"), every: 20 }));
  [["recall_at", "Recall of the first k answers"], ["precision_at", "Precision of the first k answers"], ["hit_at", "Queries with a right answer among the first k"]].forEach(([key, title]) =>
    byId("charts").append(lineChart({ title, xName: "number of first answers, k", xs: k, log: true, series: of(key), every: 4 })));
}

const valueOf = (query, name) => query.systems[name][metric];
const gapOf = (query) => (alone ? valueOf(query, pair[0]) : valueOf(query, pair[0]) - valueOf(query, pair[1]));
const judged = data.queries.filter((query) => query.n_positives > 0);

function section(title, queries) {
  if (!queries.length) return [];
  return [make("h3", {}, ...title), make("ol", { class: "cases" }, queries.map((query) => caseOf(data, query, pair)))];
}

function drawPair() {
  const sorted = [...judged].sort((a, b) => gapOf(b) - gapOf(a));
  const n = data.n_extremes;
  byId("pair-chart").replaceChildren();
  byId("extremes").replaceChildren();
  byId("pair-verdict").replaceChildren();
  if (!sorted.length) {
    byId("pair-verdict").textContent = "No query has a right answer.";
    return;
  }
  const index = pair.map((name) => systems.indexOf(name));
  const tell = alone
    ? ({ query }) => `${query.query}: ${metric} ${short(valueOf(query, pair[0]))}`
    : ({ query }) => `${query.query}: ${pair[0]} ${short(valueOf(query, pair[0]))}, ${pair[1]} ${short(valueOf(query, pair[1]))}`;
  const gaps = sorted.map(gapOf);
  const reach = Math.max(0.1, ...gaps.map(Math.abs));
  byId("pair-chart").append(barChart({
    title: alone ? `${metric} of each query, the highest first` : `Difference in ${metric} of each query: above zero ${printable(pair[0])} is better, below ${printable(pair[1])}`,
    yName: "Query", bars: sorted.map((query, i) => ({ query, value: gaps[i], series: alone || gaps[i] > 0 ? index[0] : index[1] })),
    low: alone ? 0 : Math.max(-1, -reach), high: alone ? Math.max(1, reach) : reach, tell, open: ({ query }) => showQuery(query), openName: "Show this query",
  }));
  if (alone) {
    byId("extremes").append(...section(["Lowest scores"], sorted.slice(-n).reverse().filter((q) => gapOf(q) < gaps[0])));
    if (!byId("extremes").children.length) byId("extremes").append(make("p", {}, "Every query has the same score."));
  } else {
    const found = differenceOf(pair);
    if (found && systems.length > 2) byId("pair-verdict").replaceChildren(...sentenceOf(found).filter(Boolean).flatMap((p) => [...p.childNodes, " "]));
    byId("extremes").append(
      ...section(["Largest wins of ", nameOf(pair[0])], sorted.slice(0, n).filter((q) => gapOf(q) > 0)),
      ...section(["Largest losses of ", nameOf(pair[0]), " against ", nameOf(pair[1])], sorted.slice(-n).reverse().filter((q) => gapOf(q) < 0)));
    if (!byId("extremes").children.length) byId("extremes").append(make("p", {}, "Both have the same score in every query."));
  }
}

const wrongRank = (query, name) => (query.systems[name].first_wrong ? query.systems[name].first_wrong.rank : Infinity);
const KINDS = {
  all: ["All queries", () => true],
  wrong: ["Where the first answer is wrong", (q) => pair.some((name) => wrongRank(q, name) === 1)],
  differ: ["Where both differ", (q) => q.n_positives > 0 && gapOf(q) !== 0],
  none: ["Without a right answer in the base", (q) => q.n_positives === 0],
};
const known = (v) => (Number.isFinite(v) ? v : 2);
const ORDERS = {
  lowest: ["Lowest score first", (a, b) => Math.min(...pair.map((n) => known(valueOf(a, n) ?? NaN))) - Math.min(...pair.map((n) => known(valueOf(b, n) ?? NaN)))],
  wrong: ["First wrong answer first", (a, b) => Math.min(...pair.map((n) => Math.min(wrongRank(a, n), 1e9))) - Math.min(...pair.map((n) => Math.min(wrongRank(b, n), 1e9)))],
  differ: ["Largest difference first", (a, b) => Math.abs(gapOf(b)) - Math.abs(gapOf(a))],
  given: ["As in the ground truth", () => 0],
};

function filterQueries() {
  const text = byId("filter-text").value.toLowerCase();
  const [, keep] = KINDS[byId("filter-kind").value];
  const [, order] = ORDERS[byId("order").value];
  shownQueries = data.queries.filter((q) => keep(q) && q.query.toLowerCase().includes(text)).sort(order);
  drawnQueries = 0;
  byId("queries").replaceChildren();
  const all = data.queries.length;
  byId("count").textContent = shownQueries.length === all ? counted(all, "query", "queries") : `${shownQueries.length.toLocaleString("en")} of ${counted(all, "query", "queries")}`;
  drawMore();
}

function drawMore(upTo = drawnQueries + PAGE) {
  byId("queries").append(...shownQueries.slice(drawnQueries, upTo).map((query) => caseOf(data, query, pair)));
  drawnQueries = Math.min(upTo, shownQueries.length);
  byId("more").hidden = drawnQueries >= shownQueries.length;
}

function showQuery(query) {
  if (!shownQueries.includes(query)) {
    byId("filters").reset();
    filterQueries();
  }
  const at = shownQueries.indexOf(query);
  if (at >= drawnQueries) drawMore(at + 1);
  const card = byId("queries").children[at];
  card.scrollIntoView({ block: "start" });
  card.focus({ preventScroll: true });
}

function options(select, choices) {
  select.append(...Object.entries(choices).map(([value, [name]]) => make("option", { value }, name)));
}

function choosePair() {
  const [one, other] = [byId("pair-one"), byId("pair-other")];
  [one, other].forEach((select, i) => {
    select.append(...systems.map((name, j) => make("option", { value: j, selected: name === pair[i] }, printable(name))));
    select.addEventListener("change", () => {
      const now = [one, other].map((s) => Number(s.value));
      // A system is never beside itself: the other one gives way.
      if (now[0] === now[1]) now[1 - i] = systems.indexOf(pair[i]);
      pair = now.map((j) => systems[j]);
      [one.value, other.value] = now;
      drawPair();
      filterQueries();
    });
  });
  byId("pair").hidden = systems.length < 3;
}

function start() {
  const queries = counted(data.queries.length, "query", "queries");
  const base = counted(data.systems[systems[0]].n_ranked, "picture");
  byId("about").textContent = `${queries} in ${counted(data.n_groups, "group")}, ${base} in the base`;
  const found = data.differences.filter((d) => d.metric === metric);
  if (found.length === 1) byId("verdicts").append(...sentenceOf(found[0]).filter(Boolean));
  if (found.length > 1) drawDifferences(found);
  drawScores();
  drawCurves();
  byId("side-title").textContent = alone ? "Query by query" : "Two systems, side by side";
  byId("truths").append(...Object.keys(TRUTHS).map((kind) => make("li", {}, truthMark(kind, TRUTHS[kind][1]),
    make("span", { class: "quiet" }, { right: "the ground truth names it", wrong: "it does not", junk: "it does not count" }[kind]))));
  if (alone) {
    delete KINDS.differ;
    delete ORDERS.differ;
  }
  if (judged.length === data.queries.length) delete KINDS.none;
  options(byId("filter-kind"), KINDS);
  options(byId("order"), ORDERS);
  choosePair();
  drawPair();
  filterQueries();
  ["filter-text", "filter-kind", "order"].forEach((id) => byId(id).addEventListener("input", filterQueries));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("pair").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => drawMore());
  window.addEventListener("beforeprint", () => drawMore(shownQueries.length));
  const notes = [...data.notes];
  if (data.n_not_in_page) notes.push(`${counted(data.n_not_in_page, "picture")} more would be shown, but the page would be too large`);
  const conditions = Object.entries(data.conditions).map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  if (conditions.length) notes.push(conditions.join(", "));
  byId("notes").append(...notes.map((note) => make("li", {}, printable(note))));
  byId("notes").parentElement.hidden = !notes.length;
  byId("content").hidden = false;
}
start();
