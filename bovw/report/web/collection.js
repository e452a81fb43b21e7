// The collection itself: found by names and by the register, to search with any of its pictures.

// Calls a function when nothing more was typed for a moment.
function afterTyping(act) {
  let waiting = 0;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(act, 250);
  };
}

class CollectionPanel {
  constructor(search) {
    this.search = search;
    this.drawn = 0;
    this.turn = 0;
    byId("collection-form").addEventListener("input", afterTyping(() => this.list()));
    byId("collection-form").addEventListener("submit", (event) => { event.preventDefault(); this.list(); });
    byId("collection-more").addEventListener("click", () => this.more());
  }

  list() {
    this.drawn = 0;
    return this.more();
  }

  async more() {
    const turn = ++this.turn;
    complainAt("collection-problem", null);
    const asked = new URLSearchParams({ text: byId("collection-text").value, where: byId("collection-where").value, offset: this.drawn, limit: 50 });
    try {
      const found = await (await asking(`/api/pictures?${asked}`)).json();
      if (turn !== this.turn) return; // something else was typed meanwhile
      if (!this.drawn) byId("collection-tiles").replaceChildren();
      byId("collection-tiles").append(...found.pictures.map((one) => this.tile(one)));
      this.drawn += found.pictures.length;
      byId("collection-count").textContent = counted(found.total, "picture");
      byId("collection-more").hidden = this.drawn >= found.total;
    } catch (error) {
      if (turn === this.turn) complainAt("collection-problem", error.message);
    }
  }

  tile(one) {
    return make("li", {}, make("button", {
      type: "button", class: "card", title: printable(one.identifier),
      onclick: () => { byId("collection").close(); this.search(one.identifier, one.size); },
    },
      make("span", { class: "mat" }, make("img", { src: `${one.picture}?side=420`, alt: "", loading: "lazy" })),
      make("span", { class: "caption" }, make("span", { class: "hidden" }, "Search with "),
        make("span", { class: "name" }, nameOf(one.identifier)), labelsOf(one))));
  }
}
