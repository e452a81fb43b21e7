// The large view of one answer: pairs of points, the query laid over the answer, and why.

class View {
  constructor(dialog) {
    this.dialog = dialog;
    this.mode = "pairs";
    this.timer = 0;
    dialog.addEventListener("close", () => this.closed());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.resize());
  }

  // `items` are the answers to step through, `place` is the one to show.
  show(items, place, left) {
    this.items = items;
    this.left = left;
    if (!this.dialog.open) this.dialog.showModal();
    this.step(place);
  }

  closed() {
    clearInterval(this.timer);
    this.watch.disconnect();
    this.dialog.replaceChildren();
    this.left(this.items[this.place]);
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    this.step(this.place + by);
  }

  step(place) {
    if (place < 0 || place >= this.items.length) return;
    this.place = place;
    this.item = this.items[place];
    const { answer } = this.item;
    const had = this.dialog.contains(document.activeElement) && document.activeElement.dataset.step;
    const laid = this.canOverlay();
    const mode = laid ? this.mode : "pairs";
    const stepper = (by, label, sign) => make("button", {
      type: "button", class: "round", "data-step": by, "aria-label": label,
      disabled: place + by < 0 || place + by >= this.items.length, onclick: () => this.step(place + by),
    }, make("span", { "aria-hidden": "true" }, sign));
    this.body = make("div", { class: "view-stage" });
    this.controls = make("div", { class: "view-controls" });
    this.dialog.replaceChildren(
      make("div", { class: "view-top" },
        make("div", { class: "view-title" },
          make("p", { class: "eyebrow" }, this.item.whyNot ? `Why not? Rank ${answer.rank}` : `Answer ${answer.rank}`),
          make("h2", { id: "view-name" }, nameOf(answer.identifier)),
          make("p", { class: "view-verdict" }, badge(kindOf(answer)), guiseOf(answer),
            make("span", {}, inWords(answer))),
          labelsOf(this.item.extra)),
        make("div", { class: "view-steps" }, stepper(-1, "Previous answer", "\u2039"), stepper(1, "Next answer", "\u203a"),
          make("button", { type: "button", class: "round", "aria-label": "Close", "data-step": "0", onclick: () => this.dialog.close() },
            make("span", { "aria-hidden": "true" }, "\u00d7")))),
      make("div", { class: "view-scroll", tabindex: "0", role: "region", "aria-label": "Details of the answer" },
        this.actions(this.item),
        make("fieldset", { class: "modes" }, make("legend", {}, "View"),
          [["pairs", "Pairs"], ["swipe", "Swipe"], ["blink", "Blink"], ["difference", "Difference"]].map(([value, text]) =>
            make("label", {},
              make("input", {
                type: "radio", name: "mode", value, checked: value === mode, disabled: value !== "pairs" && !laid,
                onchange: () => { this.mode = value; this.enter(value); },
              }), make("span", {}, text)))),
        this.body, this.controls, this.why(), this.numbers()));
    this.enter(mode);
    const again = had !== undefined && this.dialog.querySelector(`[data-step="${had}"]:not([disabled])`);
    (again || this.dialog.querySelector('[aria-label="Close"]')).focus();
    this.item.opened();
  }

  // What a page lets people do with an answer.
  actions() { return null; }

  // Show again why, when more has become known.
  renew(item) {
    const shown = this.dialog.querySelector(".why");
    if (shown && item === this.item) shown.replaceWith(this.why());
  }

  canOverlay() {
    const { answer, extra, queryExtra, query } = this.item;
    return Boolean(answer.transform && query && extra.picture && queryExtra && queryExtra.picture);
  }

  enter(mode) {
    clearInterval(this.timer);
    this.watch.disconnect();
    this.pairs = this.cover = null;
    if (mode === "pairs") this.enterPairs();
    else this.enterOverlay(mode);
    this.watch.observe(this.body);
    this.resize();
  }

  resize() {
    const width = this.body.clientWidth, most = Math.max(260, window.innerHeight * 0.6);
    if (!width) return;
    if (this.pairs) this.pairs.layout(width, most);
    if (this.cover) {
      const shown = fitted(this.item.answer.size, width, most);
      const frame = this.cover.frame.style;
      [frame.width, frame.height] = shown.map((side) => `${side}px`);
      const { query, answer } = this.item, picture = this.cover.query;
      const drawn = [picture.naturalWidth, picture.naturalHeight];
      if (!drawn[0]) return;
      [picture.style.width, picture.style.height] = drawn.map((side) => `${side}px`);
      picture.style.transform = warp(answer, query.size, drawn, shown);
    }
  }

  enterPairs() {
    const { answer, query, extra } = this.item;
    if (!query || !answer.size) {
      this.body.replaceChildren(stage(extra, answer.size, `The answer ${printable(answer.identifier)}`));
      this.controls.replaceChildren();
      return;
    }
    const n = answer.pairs.length;
    const told = make("output", { class: "told" });
    const slider = make("input", { type: "range", min: 0, max: Math.max(n, 1), value: 0, "aria-label": "Pair of points" });
    this.pairs = new Pairs(this.item, (which) => {
      const word = which < 0 ? "" : answer.pairs[which][4].toLocaleString("en");
      const drawn = answer.inliers > n ? `${n} of ${counted(answer.inliers, "pair")} are drawn` : counted(n, "pair");
      told.textContent = which < 0 ? `${drawn}: point at one, or move the slider` : `Pair ${which + 1} of ${n}: word ${word}`;
      slider.value = which + 1;
      slider.setAttribute("aria-valuetext", which < 0 ? "none" : `pair ${which + 1}, word ${word}`);
    });
    slider.addEventListener("input", () => this.pairs.choose(Number(slider.value) - 1));
    const all = make("input", { type: "checkbox", onchange: () => { this.pairs.allLines = all.checked; this.resize(); } });
    this.body.replaceChildren(this.pairs.svg);
    this.controls.replaceChildren(...(n ? [make("label", { class: "check" }, all, "All lines"), slider, told] : []));
  }

  enterOverlay(mode) {
    const { answer, extra, query, queryExtra } = this.item;
    const name = printable(answer.identifier);
    const under = make("img", { src: uriOf(extra.picture), alt: `The answer ${name}`, draggable: "false" });
    const picture = make("img", {
      src: uriOf(queryExtra.picture), alt: `The query ${printable(lastPart(query.name))}, laid over the answer`,
      class: answer.guise === "negative" ? "warped inverted" : "warped", draggable: "false",
      onload: () => this.resize(),
    });
    const over = make("div", { class: `over ${mode}` }, picture);
    const frame = make("div", { class: "overlay" }, under, over);
    this.cover = { frame, query: picture };
    this.body.replaceChildren(frame);
    if (mode === "swipe") this.swipe(frame, over);
    else if (mode === "blink") this.blink(over);
    else this.controls.replaceChildren(make("p", { class: "told" }, "Black is where both pictures are the same."));
  }

  swipe(frame, over) {
    const edge = make("div", { class: "edge" });
    frame.append(edge);
    const slider = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "How much of the query lies over the answer" });
    const set = (share) => {
      slider.value = share;
      slider.setAttribute("aria-valuetext", `${Math.round(share)} percent`);
      over.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
      edge.style.left = `${share}%`;
    };
    slider.addEventListener("input", () => set(Number(slider.value)));
    const drag = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const box = frame.getBoundingClientRect();
      set(Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width)));
    };
    frame.addEventListener("pointerdown", (event) => { frame.setPointerCapture(event.pointerId); drag(event); });
    frame.addEventListener("pointermove", drag);
    frame.classList.add("drags");
    this.controls.replaceChildren(make("span", {}, "Answer"), slider, make("span", {}, "Query"));
    set(50);
  }

  blink(over) {
    const told = make("output", { class: "told" });
    const button = make("button", { type: "button" });
    let runs = false;
    const turn = () => {
      const hidden = over.classList.toggle("away");
      if (!runs) told.textContent = hidden ? "The answer" : "The query";
    };
    const run = (now) => {
      runs = now;
      clearInterval(this.timer);
      if (runs) this.timer = setInterval(turn, 700);
      button.textContent = runs ? "Pause" : "Play";
      told.textContent = runs ? "" : over.classList.contains("away") ? "The answer" : "The query";
    };
    button.addEventListener("click", () => run(!runs));
    const once = make("button", { type: "button", onclick: () => { run(false); turn(); } }, "Switch");
    this.controls.replaceChildren(button, once, told);
    run(!window.matchMedia("(prefers-reduced-motion: reduce)").matches);
  }

  why() {
    const { answer, extra, whyNot } = this.item;
    const lines = [];
    if (answer.reason) lines.push(make("p", {}, nameOf(sentence(answer.reason))));
    if (answer.initial_rank && answer.decision !== null && answer.initial_rank !== answer.rank) {
      lines.push(make("p", {}, `By similarity alone it would be number ${answer.initial_rank}; verification made it number ${answer.rank}.`));
    }
    if (extra.above) lines.push(make("p", {}, nameOf(whyNot ? sentence(extra.above) : sentence(`it stands ${extra.above}`))));
    if (extra.note) lines.push(make("p", { class: "quiet" }, nameOf(extra.note)));
    const section = make("section", { class: "why" }, make("h3", {}, whyNot ? "Why not" : "Why"), lines);
    if (extra.patches) section.append(this.patches(extra.patches));
    return section;
  }

  // The words that count most: the same spot in the query and in the answer.
  patches({ side, sheet, words, points }) {
    const { extra } = this.item;
    const list = make("ol", { class: "patches" }, words.map((word, i) => {
      const piece = (row, label) => {
        const cut = make("span", { class: "patch", role: "img", "aria-label": label });
        cut.style.backgroundImage = `url("${sheet}")`;
        cut.style.backgroundSize = `${words.length * 100}% 200%`;
        cut.style.backgroundPosition = `${words.length > 1 ? (100 * i) / (words.length - 1) : 0}% ${row * 100}%`;
        return cut;
      };
      const name = word.word.toLocaleString("en");
      return make("li", {
        onpointerenter: () => this.point(points[i]), onpointerleave: () => this.pairs && this.pairs.choose(-1),
      },
        make("span", { class: "both" }, piece(0, `word ${name} in the query`), piece(1, `word ${name} in the answer`)),
        make("span", { class: "share" }, `${percent(word.contribution)} of the similarity`),
        make("span", { class: "quiet" }, `word ${name}`));
    }));
    const total = words.reduce((sum, word) => sum + word.contribution, 0);
    const of = extra.n_words ? `, of ${counted(extra.n_words, "shared word")}` : "";
    return make("div", {},
      make("h4", {}, "Words that count most"),
      make("p", { class: "quiet" }, `Query on the left, answer on the right. These ${words.length}${of}, give ${percent(total)} of the similarity.`),
      list);
  }

  point(place) {
    if (!this.pairs) return;
    const pairs = this.item.answer.pairs;
    const away = (pair) => Math.hypot(...[0, 1, 2, 3].map((i) => pair[i] - place[i]));
    const best = pairs.reduce((least, pair, i) => (away(pair) < away(pairs[least]) ? i : least), 0);
    if (pairs.length && away(pairs[best]) < 1) this.pairs.choose(best);
  }

  numbers() {
    const a = this.item.answer;
    const rows = [
      ["Score", number(a.score, 4)],
      ["Similarity", number(a.similarity, 4)],
      ["Inliers", a.inliers === null ? "not tried" : a.inliers.toLocaleString("en")],
      ["Evidence", number(a.evidence, 1)],
      ["In contrast to other answers", number(a.contrast, 1)],
      ["Probability of being right", a.probability === null ? "not known" : percent(a.probability)],
      ["Rank before verification", a.initial_rank === null ? "not known" : a.initial_rank],
      ["Guise", GUISES[a.guise] || "as it is"],
      ["Size", a.size ? `${a.size[0]} \u00d7 ${a.size[1]} pixels` : "not known"],
      ["File", nameOf(a.path || "not known")],
    ];
    return make("details", { class: "numbers" }, make("summary", {}, "Numbers"),
      make("dl", {}, rows.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value)))));
  }
}

const percent = (share) => (share >= 0.995 && share < 1 ? "over 99" : (100 * share).toFixed(share < 0.1 ? 1 : 0)) + "\u00a0%";
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
const guiseOf = (answer) =>
  GUISES[answer.guise] ? make("span", { class: "guise" }, GUISES[answer.guise]) : null;
