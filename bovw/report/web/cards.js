// A query and the first answers of one system or of two, with what the ground truth says of them.

const TRUTHS = {
  right: ["\u2713", "right"],
  wrong: ["\u2715", "wrong"],
  junk: ["\u2013", "junk"],
};

const truthMark = (kind, text) => make("span", { class: `truth ${kind}` },
  make("span", { "aria-hidden": "true" }, TRUTHS[kind][0]), make("span", {}, text));

const pictureOf = (data, name) =>
  data.pictures[name] || { picture: null, size: null, unshown: "this page holds others" };

function tileOf(data, answer) {
  const picture = pictureOf(data, answer.name);
  const [, word] = TRUTHS[answer.truth];
  const where = answer.rank === null ? word : `${word}, rank ${answer.rank}`;
  return make("li", { class: `tile ${answer.truth}`, title: printable(answer.name) },
    make("span", { class: "frame" }, stage(picture, picture.size, `${where}: ${printable(answer.name)}`)),
    truthMark(answer.truth, answer.rank === null ? word : answer.rank.toLocaleString("en")));
}

function systemOf(data, query, name, best) {
  const found = query.systems[name], metric = data.metrics[0];
  const wrong = found.first_wrong;
  const inside = wrong && found.answers.some((answer) => answer.rank === wrong.rank);
  const strip = [...found.answers, ...(wrong && !inside ? [wrong] : [])];
  return make("div", { class: "system" },
    make("p", { class: "system-name" }, nameOf(name), make("span", { class: "quiet" }, `${metric} ${short(found[metric])}`),
      best ? make("span", { class: "better" }, "better") : null),
    strip.length
      ? make("ol", { class: "strip" }, strip.map((answer) => tileOf(data, answer)))
      : make("p", { class: "quiet" }, "No answers."),
    make("p", { class: "first-wrong" }, ...(wrong
      ? [`First wrong answer: rank ${wrong.rank.toLocaleString("en")}, `, nameOf(wrong.name)]
      : ["It gave no wrong answer."])));
}

// `names`: the systems shown.
function caseOf(data, query, names) {
  const metric = data.metrics[0];
  const values = names.map((name) => query.systems[name][metric]);
  const most = Math.max(...values.map((v) => (v === null ? -1 : v)));
  const leads = (v) => names.length > 1 && v === most && values.some((other) => other !== v);
  const picture = pictureOf(data, query.image);
  const label = `Query ${printable(query.query)}${query.bbox ? "; the part that was asked with is outlined" : ""}`;
  const rows = data.metrics.map((m) => [m, ...names.map((name) => short(query.systems[name][m]))]);
  const answers = names.map((name) => make("div", {}, make("h4", {}, nameOf(name)),
    make("ol", {}, query.systems[name].answers.map((answer) =>
      make("li", {}, `${answer.rank === null ? "–" : answer.rank} ${answer.truth}: `, nameOf(answer.name))))));
  const more = make("details", {}, make("summary", {}, "All metrics and names"));
  more.addEventListener("toggle", () => {
    if (!more.open || more.children.length > 1) return;
    more.append(
      make("div", { class: "scrolls", role: "region", tabindex: 0, "aria-label": `Metrics of ${printable(query.query)}` },
        make("table", {},
          make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Metric"), names.map((n) => make("th", { scope: "col" }, nameOf(n))))),
          make("tbody", {}, rows.map(([m, ...cells]) => make("tr", {}, make("th", { scope: "row" }, m), cells.map((c) => make("td", {}, c))))))),
      ...answers);
  });
  return make("li", { class: "case", tabindex: -1 },
    make("div", { class: "asked" }, stage(picture, picture.size, label, picture.size ? regionOf(picture.size, query.bbox) : null),
      make("div", {}, make("p", { class: "name" }, nameOf(query.query)),
        make("p", { class: "quiet" }, `${counted(query.n_positives, "right answer")} in all`))),
    make("div", { class: "systems" }, names.map((name, i) => systemOf(data, query, name, leads(values[i])))),
    more);
}
