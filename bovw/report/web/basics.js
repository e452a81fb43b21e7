"use strict";
// Small helpers. Text of results is only ever set as text, never as HTML.

const byId = (id) => document.getElementById(id);
const stored = (id) => JSON.parse(byId(id).textContent);
// A picture is a URI, or the element that holds one.
const uriOf = (picture) => (/^(data:|\/)/.test(picture) ? picture : byId(picture).textContent);

// What a name could do to a line or to its neighbours is escaped, as the command line does.
const OBEYED = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const printable = (text) =>
  String(text).replace(OBEYED, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}
const make = (tag, properties, ...children) =>
  fill(document.createElement(tag), properties, children);
const draw = (tag, properties, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
const nameOf = (text) => make("bdi", {}, printable(text));
const counted = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many || one + "s"}`;
const number = (value, digits) => (value === null ? "not known" : value.toFixed(digits));
// The name of a file without its folder; a query that is no file is described, as "<array ...>".
const lastPart = (name) => (name.startsWith("<") ? name : name.split("/").pop() || name);

// Words before numbers.
const DECISIONS = { match: "Match", possible: "Possible", no: "No match", none: "Not verified" };
const GUISES = { mirror: "mirrored", negative: "negative" };
const kindOf = (answer) => answer.decision || "none";
const badge = (kind) =>
  make("span", { class: `badge ${kind}` }, make("span", { class: "mark", "aria-hidden": "true" }), DECISIONS[kind]);

function inWords(answer) {
  if (answer.decision === null) return "sorted by similarity alone";
  if (answer.inliers === null) return "not compared in detail: others are more similar";
  if (!answer.inliers) return "shares words, but in another arrangement";
  const agree = `${counted(answer.inliers, "point")} ${answer.inliers === 1 ? "agrees" : "agree"}`;
  if (answer.decision === "no") return `${agree}, no more than chance explains`;
  return answer.direct ? agree : `${agree}, some known from other answers`;
}

function verdict(result) {
  if (result.error !== null) return ["none", "Could not be read"];
  const best = result.answers.length ? kindOf(result.answers[0]) : "no";
  const n = result.answers.filter((answer) => answer.decision === best).length;
  if (!result.answers.length) return ["no", "No answers"];
  if (best === "match") return ["match", `In the collection: ${counted(n, "match", "matches")}`];
  if (best === "possible") return ["possible", `Perhaps in the collection: ${counted(n, "possible answer")}`];
  if (best === "no") return ["no", "Not in the collection: no match"];
  return ["none", "Not verified: sorted by similarity alone"];
}

function whyNoAnswers(result) {
  if (result.error !== null) return result.error;
  if (result.n_features === 0) return "The query has no features: it is too small, or flat.";
  return "No picture that may answer shares a visual word with the query.";
}

// What a register knows of a picture.
function labelsOf(extra) {
  const known = Object.entries(extra.labels || {}).filter(([, text]) => text);
  if (!known.length) return null;
  return make("span", { class: "labels" }, known.map(([column, text]) =>
    make("span", {}, make("span", { class: "quiet" }, nameOf(column), " "), nameOf(text))));
}
