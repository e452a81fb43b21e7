"use strict";
// The page is whole without this: it only hides groups in which no name has the text.
const sections = [...document.querySelectorAll(".group")];
const text = document.getElementById("filter-text");
const count = document.getElementById("count");

function filter() {
  const wanted = text.value.toLowerCase();
  let left = 0;
  for (const section of sections) {
    const names = [...section.querySelectorAll(".name")];
    section.hidden = !names.some((name) => name.textContent.toLowerCase().includes(wanted));
    left += section.hidden ? 0 : 1;
  }
  count.textContent = wanted ? `${left} of ${sections.length} groups` : "";
}

document.getElementById("filters").hidden = sections.length < 2;
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
text.addEventListener("input", filter);
