// Answers that people picked. The browser keeps them; the server still knows their searches.

class Shortlist {
  constructor(name, changed) {
    this.key = `bovw shortlist ${name}`;
    this.changed = changed;
    this.picks = [];
    this.read();
    // Another tab with the same list.
    window.addEventListener("storage", (event) => { if (event.key === this.key) { this.read(); this.changed(); } });
  }

  read() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.key) || "[]");
      this.picks = Array.isArray(kept) ? kept.filter((one) => one && one.search && one.identifier) : [];
    } catch { /* a browser that keeps nothing, or something else under our name */ }
  }

  set(picks) {
    this.picks = picks;
    try { localStorage.setItem(this.key, JSON.stringify(picks)); } catch { /* kept as long as the page */ }
    this.changed();
  }

  has(search, identifier) { return this.picks.some((one) => one.search === search && one.identifier === identifier); }

  toggle(pick) {
    const { search, identifier } = pick;
    const others = this.picks.filter((one) => one.search !== search || one.identifier !== identifier);
    this.set(others.length < this.picks.length ? others : [...this.picks, pick]);
  }

  row(pick) {
    const kind = pick.decision || "none";
    return make("li", { class: "row" },
      make("img", { src: `${pictureUrl(pick.identifier)}?side=160`, alt: "", loading: "lazy" }),
      make("div", {}, make("p", { class: "name" }, nameOf(pick.identifier)),
        make("p", { class: "quiet" }, badge(kind), ` rank ${pick.rank} for `, nameOf(lastPart(pick.query))),
        labelsOf({ labels: pick.labels }),
        pick.forgotten ? make("p", { class: "problem" }, "Its search is not remembered by the server any more.") : null),
      make("button", { type: "button", "aria-label": `Remove ${printable(pick.identifier)} from the shortlist`, onclick: () => this.toggle(pick) }, "Remove"));
  }

  show() {
    byId("shortlist-count").textContent = this.picks.length;
    byId("shortlist-empty").hidden = this.picks.length > 0;
    byId("shortlist-end").hidden = !this.picks.length;
    byId("shortlist-rows").replaceChildren(...this.picks.map((pick) => this.row(pick)));
  }

  async export(format) {
    complainAt("shortlist-problem", null);
    const picks = this.picks.map(({ search, identifier }) => ({ search, identifier }));
    try {
      const response = await asking("/api/export", {
        method: "POST", headers: { "content-type": "application/json" }, body: escapedJson({ format, picks }),
      });
      const url = URL.createObjectURL(await response.blob());
      make("a", { href: url, download: format === "csv" ? "shortlist.csv" : "shortlist.html" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60000);
    } catch (error) {
      if (error.forgotten) {
        this.set(this.picks.map((pick) => ({ ...pick, forgotten: error.forgotten.includes(pick.search) })));
      }
      complainAt("shortlist-problem", error.message);
    }
  }
}

// Lone surrogates, of names that are no UTF-8, would not survive the way as text.
const escapedJson = (value) =>
  JSON.stringify(value).replace(/[\ud800-\udfff]/g, (c) => "\\u" + c.charCodeAt(0).toString(16));
