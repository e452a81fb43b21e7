// The pictures to search with: files or pictures of the index, each with a box that may be drawn.

const SIDES_OF_BOX = ["Left", "Top", "Right", "Bottom"];
const LEAST_BOX = 8; // pixels of the screen; less is a click

class AskedPicture {
  // `file` is an upload; else `identifier` names a picture of the index, of `size` pixels.
  constructor({ file = null, identifier = null, size = null }, remove) {
    this.file = file;
    this.identifier = identifier;
    this.name = file ? file.name : identifier;
    this.url = file ? URL.createObjectURL(file) : `${pictureUrl(identifier)}?side=1000`;
    this.size = size;
    this.fields = SIDES_OF_BOX.map((side) => make("input", {
      type: "number", min: 0, step: "any", inputmode: "numeric", "aria-label": `${side} of the box in pixels`,
      oninput: () => this.drawBox(),
    }));
    this.mark = draw("g", {});
    this.stage = make("div", { class: "asked-stage" });
    this.whole = make("button", { type: "button", onclick: () => this.setBox(null) }, "Whole picture");
    this.numbers = make("details", { class: "box-numbers" }, make("summary", {}, "Box in numbers"),
      make("div", { class: "box-fields" }, this.fields.map((field, i) =>
        make("label", { class: "field" }, make("span", { "aria-hidden": "true" }, SIDES_OF_BOX[i]), field))));
    this.told = make("p", { class: "quiet" });
    this.element = make("li", { class: "asked-picture" }, this.stage,
      make("p", { class: "name", title: printable(this.name) }, nameOf(lastPart(this.name))), this.told,
      make("div", { class: "asked-buttons" }, this.whole,
        make("button", { type: "button", onclick: () => remove(this), "aria-label": `Remove ${printable(lastPart(this.name))}` }, "Remove")),
      this.numbers);
    this.load();
  }

  load() {
    const picture = new Image();
    picture.onload = () => {
      this.size = this.size || [picture.naturalWidth, picture.naturalHeight];
      const [w, h] = this.size;
      this.svg = draw("svg", {
        class: "stage", viewBox: `0 0 ${w} ${h}`, role: "img",
        "aria-label": `${printable(lastPart(this.name))}, to search with`,
      }, draw("image", { href: this.url, width: w, height: h, preserveAspectRatio: "none" }), this.mark);
      this.stage.replaceChildren(this.svg);
      this.listen();
      this.drawBox();
    };
    picture.onerror = () => {
      this.stage.replaceChildren(make("span", { class: "unshown" }, "This browser cannot show the picture; the server may read it all the same."));
      this.numbers.open = true;
      this.drawBox();
    };
    picture.src = this.url;
    this.drawBox();
  }

  listen() {
    let from = null;
    const at = (event) => {
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
      return [Math.min(Math.max(x, 0), this.size[0]), Math.min(Math.max(y, 0), this.size[1])];
    };
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      this.svg.setPointerCapture(event.pointerId);
      from = { at: at(event), x: event.clientX, y: event.clientY, before: this.texts() };
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!from) return;
      const to = at(event);
      this.setBox([0, 1].map((i) => Math.min(from.at[i], to[i])).concat([0, 1].map((i) => Math.max(from.at[i], to[i]))));
    });
    this.svg.addEventListener("pointerup", (event) => {
      if (from && (Math.abs(event.clientX - from.x) < LEAST_BOX || Math.abs(event.clientY - from.y) < LEAST_BOX)) this.setTexts(from.before);
      from = null;
    });
    this.svg.addEventListener("pointercancel", () => {
      if (from) this.setTexts(from.before);
      from = null;
    });
  }

  texts() { return this.fields.map((field) => field.value); }

  setTexts(texts) {
    this.fields.forEach((field, i) => { field.value = texts[i]; });
    this.drawBox();
  }

  setBox(box) { this.setTexts(box ? box.map((value) => String(Math.round(value))) : ["", "", "", ""]); }

  // What the server is sent: it says what is wrong with a box that is none.
  region() {
    const texts = this.texts();
    return texts.some(Boolean) ? texts.join(",") : "";
  }

  drawBox() {
    const [x0, y0, x1, y1] = this.texts().map((text) => (text === "" ? NaN : Number(text)));
    const any = this.region() !== "", good = x0 < x1 && y0 < y1;
    this.mark.replaceChildren(...(good && this.size ? [regionOf(this.size, [x0, y0, x1, y1])] : []));
    this.whole.hidden = !any;
    this.told.textContent = !any ? (this.svg ? "Draw a box to search with a part." : "")
      : good ? `A part of ${Math.round(x1 - x0)} \u00d7 ${Math.round(y1 - y0)} pixels` : "A box needs left below right, and top below bottom.";
  }

  leave() { if (this.file) URL.revokeObjectURL(this.url); }
}

const pictureUrl = (identifier) => `/api/pictures/${escapedName(identifier)}`;
// A byte that is no UTF-8 stands in a name as a lone surrogate, and in an address as itself.
const escapedName = (name) => [...name].map((c) => {
  const code = c.codePointAt(0);
  return code >= 0xdc80 && code <= 0xdcff ? `%${(code - 0xdc00).toString(16)}` : encodeURIComponent(c);
}).join("");
