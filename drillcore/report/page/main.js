// The page: its views, one of which is shown, and what they share.

import { networks, open, wordsOf } from "data";
import { h, once } from "dom";
import * as state from "state";
import * as correlations from "views/correlations";
import * as curvature from "views/curvature";
import * as embeddings from "views/embeddings";
import * as gradients from "views/gradients";
import * as layers from "views/layers";
import * as overview from "views/overview";
import * as samples from "views/samples";
import * as replays from "views/replays";
import * as similarity from "views/similarity";
import * as spectra from "views/spectra";
import { inWords, speakOf } from "words";

const VIEWS = { overview, correlations, gradients, curvature, replays, layers, spectra, embeddings, samples, similarity };
const LINKS = Object.fromEntries(
  Object.entries(VIEWS).map(([name, view]) => [
    name,
    h(
      "a",
      {
        href: `#view=${name}`,
        onclick: event => {
          event.preventDefault();
          state.enter(name);
        },
      },
      view.title,
    ),
  ]),
);
const SECONDS_BETWEEN_LOOKS = 2,
  LEAST_WIDTH = 200,
  BAR_GAP = 4; // above a bar that stays at the top, as in style.css
const root = document.querySelector("main"),
  header = document.querySelector("header");
const dark = matchMedia("(prefers-color-scheme: dark)");
let shown = {},
  turn = 0;

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  shown.again?.();
}

function navigate() {
  const current = state.get("view", Object.keys(VIEWS), "overview");
  for (const [name, link] of Object.entries(LINKS)) {
    if (name === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  return VIEWS[current];
}

async function show() {
  const mine = ++turn,
    view = navigate(),
    figure = state.take("figure"),
    { key } = document.activeElement.dataset;
  document.title = `${view.title} · Drillcore report`;
  const page = h("div"),
    intro = h("p", { class: "intro" }, view.intro);
  const head = [
    h("h2", {}, view.title, h("a", { class: "link", href: state.link({}) }, "Link to what is shown")),
    intro,
  ];
  shown = {};
  root.replaceChildren(...head, page);
  root.removeAttribute("data-ready");
  speakOf(...wordsOf(networks().map(one => one.name)));
  const found = await view.show(page);
  if (mine !== turn) return;
  shown = found ?? {};
  intro.textContent = inWords(view.intro);
  if (key) root.querySelector(`[data-key=${key}]`)?.focus();
  stackBars();
  if (figure) root.querySelector(`figure#${CSS.escape(figure)}`)?.scrollIntoView();
  root.dataset.ready = state.get("view", Object.keys(VIEWS), "overview");
}

// Tells the style where each bar ends that stays at the top: the next one, and what a link leads to, begin below it.
function stackBars() {
  let end = 0;
  for (const [name, bar] of [
    ["header", header],
    ["controls", root.querySelector(".controls")],
    ["sample", root.querySelector(".sample")],
  ]) {
    if (bar && getComputedStyle(bar).position === "sticky") end += bar.offsetHeight + (bar === header ? 0 : BAR_GAP);
    document.documentElement.style.setProperty(`--${name}-end`, `${end}px`);
  }
}

// A bar grows where its controls take another line.
const bars = new ResizeObserver(stackBars);
for (const one of [header, root]) bars.observe(one);

state.onChange(changed => {
  const anchor = document.querySelector("a.link");
  if (anchor) anchor.href = state.link({});
  if (changed.includes("view") || changed.includes("network")) show();
  else shown.update?.(changed);
});

// The arrow keys step through the epochs, or the thresholds, wherever they mean nothing else.
addEventListener("keydown", event => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (
    !step ||
    event.altKey ||
    event.ctrlKey ||
    event.metaKey ||
    event.target.closest("input, select, canvas, nav, pre")
  )
    return;
  shown.step?.(step);
});

let width = innerWidth;
addEventListener(
  "resize",
  once(() => {
    if (innerWidth === width || root.clientWidth < LEAST_WIDTH) return;
    width = innerWidth;
    shown.again?.();
  }),
);
dark.addEventListener("change", () => applyTheme(dark.matches ? "dark" : "light"));
document
  .getElementById("theme")
  .addEventListener("click", () => applyTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

// Served while networks train, the page loads itself again when the server has made another.
async function watch() {
  const tag = async () => (await fetch(location.pathname, { method: "HEAD", cache: "no-store" })).headers.get("ETag");
  try {
    const first = await tag();
    if (first)
      setInterval(async () => {
        const now = await tag().catch(() => first);
        if (now !== first) location.reload();
      }, 1000 * SECONDS_BETWEEN_LOOKS);
  } catch {
    /* a server that tells nothing of its files: the page stays as it is */
  }
}

document.querySelector("nav").append(...Object.values(LINKS));
applyTheme(dark.matches ? "dark" : "light");
await open();
if (networks().length) await show();
else root.replaceChildren(h("p", { class: "empty" }, "params.yaml names no network."));
if (location.hostname === "127.0.0.1") watch();
