// Curves and bars as SVG, drawn for the width that they have; each also as a table.

const DASHES = ["", "8 4", "2 3", "10 3 2 3", "5 2"];
const dashOf = (i) => DASHES[i % DASHES.length];
const seriesOf = (i) => `series-${i % 6}`;

// A mark of its own for each system, so that lines differ not only by colour.
function pointOf(i, x, y, size = 4) {
  const at = (points) => points.map(([dx, dy]) => `${x + dx * size},${y + dy * size}`).join(" ");
  const kind = `point ${seriesOf(i)}`;
  const shapes = [
    () => draw("circle", { class: kind, cx: x, cy: y, r: size }),
    () => draw("polygon", { class: kind, points: at([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]) }),
    () => draw("polygon", { class: kind, points: at([[0, -1.2], [1.1, 0.9], [-1.1, 0.9]]) }),
    () => draw("polygon", { class: kind, points: at([[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]]) }),
    () => draw("polygon", { class: kind, points: at([[0, 1.2], [1.1, -0.9], [-1.1, -0.9]]) }),
  ];
  return shapes[i % shapes.length]();
}

const swatch = (i) => draw("svg", { width: 34, height: 12, viewBox: "0 0 34 12", "aria-hidden": "true" },
  draw("path", { class: `curve ${seriesOf(i)}`, d: "M1 6H33", "stroke-dasharray": dashOf(i) }), pointOf(i, 17, 6));

const short = (value) => (value === null ? "–" : value.toFixed(3));

function tableOf(caption, head, rows) {
  return make("details", {}, make("summary", {}, "As a table"),
    make("div", { class: "scrolls", role: "region", tabindex: 0, "aria-label": `${caption}, as a table` },
      make("table", {},
        make("thead", {}, make("tr", {}, head.map((cell) => make("th", { scope: "col" }, nameOf(cell))))),
        make("tbody", {}, rows.map(([first, ...rest]) =>
          make("tr", {}, make("th", { scope: "row" }, nameOf(first)), rest.map((cell) => make("td", {}, cell))))))));
}

// Redraws when its width changes.
function sized(svg, paint) {
  let width = 0;
  const now = () => {
    const found = Math.round(svg.getBoundingClientRect().width);
    if (found && found !== width) paint((width = found));
  };
  new ResizeObserver(now).observe(svg);
  return now;
}

const MARGIN = { left: 40, right: 14, top: 10, bottom: 40 };

function ticksOf(low, high) {
  const step = [0.1, 0.2, 0.25, 0.5, 1].find((s) => (high - low) / s <= 5.001) || (high - low) / 4;
  const found = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + 1e-9; t += step) found.push(Math.abs(t) < 1e-9 ? 0 : t);
  return found;
}

// The frame of a plot: lines and numbers of both axes.
function axes(svg, width, height, { x, y, xTicks, yTicks, xName, yText, xText }) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const end = width - MARGIN.right, base = height - MARGIN.bottom;
  svg.replaceChildren(
    ...yTicks.flatMap((t) => [
      draw("line", { class: t === 0 ? "zero" : "grid", x1: MARGIN.left, x2: end, y1: y(t), y2: y(t) }),
      draw("text", { x: MARGIN.left - 7, y: y(t) + 4, "text-anchor": "end" }, yText(t)),
    ]),
    ...xTicks.map((t) => draw("text", { x: x(t), y: base + 17, "text-anchor": "middle" }, xText(t))),
    draw("text", { x: (MARGIN.left + end) / 2, y: height - 5, "text-anchor": "middle" }, xName));
}

// Lines of several systems over the same values of x; `log` spaces x by its logarithm.
function lineChart({ title, xName, xs, log, series, every }) {
  const svg = draw("svg", { role: "img", "aria-label": `${title}; the numbers are in the table below` });
  const told = make("output", {});
  const values = series.flatMap((one) => one.values).filter((v) => v !== null);
  const low = values.length && Math.min(...values) > 0.5 ? 0.5 : 0;
  const place = log ? Math.log : (v) => v;
  const [first, last] = [place(xs[0]), place(xs[xs.length - 1])];
  const xText = (v) => v.toLocaleString("en");
  const rest = "Point at the plot to read its values.";
  let x, y, guide;
  sized(svg, (width) => {
    const height = Math.min(330, Math.max(230, width * 0.62));
    x = (v) => MARGIN.left + ((place(v) - first) / (last - first || 1)) * (width - MARGIN.left - MARGIN.right);
    y = (v) => height - MARGIN.bottom - ((v - low) / (1 - low)) * (height - MARGIN.top - MARGIN.bottom);
    const tens = xs.filter((v) => [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].includes(v));
    const xTicks = log ? (tens.length ? tens : xs) : ticksOf(xs[0], xs[xs.length - 1]);
    axes(svg, width, height, { x, y, xTicks, yTicks: ticksOf(low, 1), xName, xText, yText: (t) => t.toFixed(1) });
    guide = draw("line", { class: "guide", y1: MARGIN.top, y2: height - MARGIN.bottom, visibility: "hidden" });
    svg.append(guide);
    series.forEach(({ values: of }, i) => {
      const points = of.map((v, j) => (v === null ? null : [x(xs[j]), y(v)])).filter(Boolean);
      svg.append(draw("path", { class: `curve ${seriesOf(i)}`, "stroke-dasharray": dashOf(i), d: points.map((p, j) => `${j ? "L" : "M"}${p[0].toFixed(1)} ${p[1].toFixed(1)}`).join("") }));
      points.forEach((p, j) => { if (j % every === Math.min(i * Math.ceil(every / 4), every - 1) || points.length === 1) svg.append(pointOf(i, p[0], p[1])); });
    });
  });
  const tell = (j) => {
    if (guide) guide.setAttribute("visibility", j < 0 ? "hidden" : "visible");
    if (j < 0) { told.textContent = rest; return; }
    guide.setAttribute("x1", x(xs[j]));
    guide.setAttribute("x2", x(xs[j]));
    told.replaceChildren(`${xName.replace(/.*, /, "")} ${xText(xs[j])}: `, ...series.flatMap(({ name, values: of }, i) => [i ? ", " : "", nameOf(name), ` ${short(of[j])}`]));
  };
  svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    tell(xs.reduce((best, v, j) => (Math.abs(x(v) - at) < Math.abs(x(xs[best]) - at) ? j : best), 0));
  });
  svg.addEventListener("pointerleave", () => tell(-1));
  tell(-1);
  const rows = xs.map((v, j) => [xText(v), ...series.map((one) => short(one.values[j]))]).filter((_, j) => log || j % 10 === 0);
  return make("div", { class: "chart" }, make("h3", {}, title), svg, told, tableOf(title, [xName, ...series.map((one) => one.name)], rows));
}

// Bars in the order given; one is chosen by pointer or slider, and `open` is called for it.
function barChart({ title, yName, bars, low, high, tell, open, openName }) {
  const svg = draw("svg", { role: "img", "aria-label": title });
  const told = make("output", {});
  const slider = make("input", { type: "range", min: 1, max: bars.length, value: 1, "aria-label": yName });
  const button = make("button", { type: "button", disabled: true }, openName);
  let x, y, mark, chosen = -1;
  sized(svg, (width) => {
    const height = 250, span = width - MARGIN.left - MARGIN.right, one = span / bars.length;
    x = (j) => MARGIN.left + j * one;
    y = (v) => height - MARGIN.bottom - ((v - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
    axes(svg, width, height, {
      x: (j) => x(j - 0.5), y, xTicks: bars.length > 1 ? [1, bars.length] : [1], yTicks: ticksOf(low, high),
      xName: "queries, sorted", xText: (v) => v.toLocaleString("en"), yText: (t) => t.toFixed(high - low > 0.6 ? 1 : 2),
    });
    const gap = one > 4 ? Math.min(one * 0.2, 6) : 0;
    [...new Set(bars.map((bar) => bar.series))].forEach((series) => {
      const d = bars.map((bar, j) => bar.series === series && bar.value
        ? `M${(x(j) + gap / 2).toFixed(2)} ${y(0).toFixed(1)}V${y(bar.value).toFixed(1)}h${(one - gap).toFixed(2)}V${y(0).toFixed(1)}Z` : "").join("");
      svg.append(draw("path", { class: `bar ${seriesOf(series)}`, d }));
    });
    mark = draw("rect", { class: "chosen", y: MARGIN.top, height: height - MARGIN.top - MARGIN.bottom, width: Math.max(one, 3), visibility: "hidden" });
    svg.append(mark);
    choose(chosen);
  });
  function choose(j) {
    chosen = j;
    button.disabled = j < 0;
    if (mark) mark.setAttribute("visibility", j < 0 ? "hidden" : "visible");
    if (j < 0) { told.textContent = "Point at a bar, or move the slider; a click shows the query."; return; }
    slider.value = j + 1;
    if (mark) mark.setAttribute("x", x(j));
    const words = tell(bars[j]);
    slider.setAttribute("aria-valuetext", words);
    told.replaceChildren(nameOf(words));
  }
  const under = (event) => {
    const box = svg.getBoundingClientRect(), at = event.clientX - box.left - MARGIN.left;
    return Math.min(bars.length - 1, Math.max(0, Math.floor((at / (box.width - MARGIN.left - MARGIN.right)) * bars.length)));
  };
  svg.addEventListener("pointermove", (event) => choose(under(event)));
  svg.addEventListener("click", (event) => open(bars[under(event)]));
  slider.addEventListener("input", () => choose(Number(slider.value) - 1));
  button.addEventListener("click", () => open(bars[chosen]));
  choose(-1);
  return make("div", { class: "chart" }, make("p", { class: "quiet" }, title), svg, told, make("div", { class: "chart-controls" }, slider, button));
}
