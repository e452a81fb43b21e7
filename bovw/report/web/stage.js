// Drawing on pictures. Positions are pixels of the original, where the centre of the first pixel
// is (0, 0); a drawing counts from the corner of that pixel, so half a pixel is added.

const joined = (corners) => corners.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" ");

function outline(corners, kind) {
  return draw("g", { class: `outline ${kind || ""}` },
    draw("polygon", { class: "halo", points: joined(corners) }),
    draw("polygon", { class: "line", points: joined(corners) }));
}

const boxCorners = ([x0, y0, x1, y1]) =>
  [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map(([x, y]) => [x - 0.5, y - 0.5]);

// What lies outside of the region that was asked with is dimmed.
function regionOf(size, region) {
  if (!region) return null;
  const [x0, y0, x1, y1] = region;
  const whole = `M0 0H${size[0]}V${size[1]}H0Z`;
  return draw("g", {},
    draw("path", { class: "outside", "fill-rule": "evenodd", d: `${whole}M${x0} ${y0}V${y1}H${x1}V${y0}Z` }),
    outline(boxCorners(region), "asked"));
}

const imageOf = (picture, size) =>
  draw("image", { href: uriOf(picture), width: size[0], height: size[1], preserveAspectRatio: "none" });

// A picture with its outlines, or a frame that says why there is none.
function stage(extra, size, label, ...marks) {
  const unshown = (reason) => make("span", { class: "unshown", role: "img", "aria-label": `${label}; it cannot be shown` },
    make("span", {}, "No picture: "), nameOf(reason));
  if (!extra || extra.picture === null || !size) return unshown(extra && extra.unshown ? extra.unshown : "its size is not known");
  const image = imageOf(extra.picture, size);
  const all = draw("svg", { class: "stage", viewBox: `0 0 ${size[0]} ${size[1]}`, role: "img", "aria-label": label }, image, marks);
  image.addEventListener("error", () => all.replaceWith(unshown("it could not be loaded")));
  return all;
}

// 3 x 3 matrices, row by row.
const times = (a, b) => a.map((row) => [0, 1, 2].map((j) => row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j]));
const scaling = (x, y) => [[x, 0, 0], [0, y, 0], [0, 0, 1]];
const shifting = (by) => [[1, 0, by], [0, 1, by], [0, 0, 1]];

// The query's picture, drawn `drawn` pixels large, moved onto an answer drawn at `shown` pixels.
function warp(answer, querySize, drawn, shown) {
  const moved = times(shifting(0.5), times(answer.transform, shifting(-0.5)));
  const from = scaling(querySize[0] / drawn[0], querySize[1] / drawn[1]);
  const to = scaling(shown[0] / answer.size[0], shown[1] / answer.size[1]);
  const m = times(to, times(moved, from));
  return `matrix3d(${[
    m[0][0], m[1][0], 0, m[2][0],
    m[0][1], m[1][1], 0, m[2][1],
    0, 0, 1, 0,
    m[0][2], m[1][2], 0, m[2][2],
  ].join(",")})`;
}

// Both pictures in one drawing, beside or above each other, and the pairs of points between them.
class Pairs {
  constructor(item, told) {
    this.item = item;
    this.told = told;
    this.svg = draw("svg", { class: "pairs", role: "img", "aria-label": this.label() });
    this.chosen = -1;
    this.allLines = false;
    this.svg.addEventListener("pointermove", (event) => this.near(event));
    this.svg.addEventListener("pointerdown", (event) => this.near(event));
    this.svg.addEventListener("pointerleave", () => { if (this.pointed) this.choose(-1); });
  }

  label() {
    const { answer, query } = this.item;
    const matched = answer.quadrilateral ? "; what matches is outlined in both" : "";
    return `The query ${printable(lastPart(query.name))} and the answer ${printable(answer.identifier)}${matched}`;
  }

  // Lay out for a width in pixels of the screen, so that one unit is one pixel.
  layout(width, most) {
    const { answer, query } = this.item;
    const gap = 12, upright = width < 560;
    const [q, a] = [query.size, answer.size];
    const boxes = upright
      ? [q, a].map((s) => fitted(s, width, most / 2))
      : [q, a].map((s) => fitted(s, (width - gap) / 2, most));
    const tall = Math.max(...boxes.map((b) => b[1]));
    const height = upright ? boxes[0][1] + gap + boxes[1][1] : tall;
    const column = (width - gap) / 2;
    const places = upright
      ? [[(width - boxes[0][0]) / 2, 0], [(width - boxes[1][0]) / 2, boxes[0][1] + gap]]
      : boxes.map((b, i) => [i * (column + gap) + (column - b[0]) / 2, (tall - b[1]) / 2]);
    this.maps = [q, a].map((s, i) => ([x, y]) => [
      places[i][0] + ((x + 0.5) * boxes[i][0]) / s[0],
      places[i][1] + ((y + 0.5) * boxes[i][1]) / s[1],
    ]);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    [[this.item.queryExtra, places[0], boxes[0]], [this.item.extra, places[1], boxes[1]]].forEach(([extra, at, box]) => {
      this.svg.append(draw("rect", { class: "mat", x: at[0], y: at[1], width: box[0], height: box[1] }));
      if (extra && extra.picture !== null) {
        this.svg.append(draw("image", {
          href: uriOf(extra.picture), x: at[0], y: at[1], width: box[0], height: box[1], preserveAspectRatio: "none",
        }));
      } else {
        this.svg.append(draw("text", { class: "missing", x: at[0] + 12, y: at[1] + 28 }, "No picture"));
      }
    });
    const corners = [answer.query_quadrilateral, answer.quadrilateral];
    corners.forEach((quad, i) => {
      if (!quad) return;
      const points = quad.map(this.maps[i]).map((p) => p.join(",")).join(" ");
      this.svg.append(draw("g", { class: "outline" },
        draw("polygon", { class: "halo", points }), draw("polygon", { class: "line", points })));
    });
    this.ends = answer.pairs.map(([qx, qy, x, y]) => [this.maps[0]([qx, qy]), this.maps[1]([x, y])]);
    if (this.allLines) {
      this.svg.append(draw("g", { class: "lines" }, this.ends.map(([from, to]) => this.line(from, to))));
    }
    this.svg.append(draw("g", { class: "dots" },
      this.ends.flat().map(([x, y]) => draw("circle", { cx: x, cy: y, r: upright ? 1.7 : 2.4 }))));
    this.active = draw("g", { class: "active" });
    this.svg.append(this.active);
    this.width = width;
    this.choose(this.chosen);
  }

  line(from, to) {
    return draw("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1] });
  }

  near(event) {
    const box = this.svg.getBoundingClientRect();
    const unit = this.width / box.width;
    const at = [(event.clientX - box.left) * unit, (event.clientY - box.top) * unit];
    let best = -1, least = 26;
    this.ends.forEach((both, i) => both.forEach(([x, y]) => {
      const away = Math.hypot(x - at[0], y - at[1]);
      if (away < least) [best, least] = [i, away];
    }));
    if (best < 0 && !this.pointed) return;
    this.choose(best);
    this.pointed = best >= 0;
  }

  choose(which) {
    this.chosen = which;
    this.pointed = false;
    this.active.replaceChildren();
    if (which >= 0) {
      const [from, to] = this.ends[which];
      const word = `word ${this.item.answer.pairs[which][4].toLocaleString("en")}`;
      const at = [Math.min(Math.max((from[0] + to[0]) / 2, 50), this.width - 50), (from[1] + to[1]) / 2 - 8];
      const halo = this.line(from, to);
      halo.setAttribute("class", "halo");
      this.active.append(halo, this.line(from, to),
        ...[from, to].map(([x, y]) => draw("circle", { cx: x, cy: y, r: 8 })),
        draw("text", { x: at[0], y: at[1], "text-anchor": "middle" }, word));
    }
    this.told(which);
  }
}

function fitted([w, h], width, height) {
  const by = Math.min(width / w, height / h);
  return [w * by, h * by];
}
