// What was trained, how it went, and what it takes to make it again.

import { onPage } from "colours";
import { errors, findings, networks, provenance, withTopic } from "data";
import { h, number, plain, themed, unplain } from "dom";
import { choice } from "controls";
import { chart, textWidth } from "figures";
import * as state from "state";
import { controls } from "views/shared";

export const title = "Overview";
export const intro =
  "What was found, and every network of params.yaml: how it trained, what squeezing its features cost, and which data, code and parameters this page was made from.";

const MOST_CHANGED = 12; // files that are not committed and named

// What curves can be drawn of: each task's score first, then the losses, then what else is told of tests.
function metrics() {
  const scores = networks().map(one => one.scores ?? []),
    first = scores.flatMap(one => one.slice(0, 1)),
    others = scores.flatMap(one => one.slice(1)),
    every = [...(first.length || scores.some(one => !one.length) ? first : [["accuracy", "accuracy"]]), ["loss", "loss"], ...others];
  return [...new Map(every).entries()];
}

export function show(root) {
  const bar = controls(choice("metric", "curves", metrics()));
  const cards = h("div", { class: "cards" }, networks().map(card));
  const grid = h("div", { class: "grid" });
  root.append(...[found(), cards, bar, grid].filter(Boolean));
  const squeezes = networks().some(one => one.width);
  const curves = chart(grid, {
    id: "curves",
    title: "Training curves",
    full: !squeezes,
  });
  const widths = squeezes && chart(grid, {
    id: "widths",
    title: "What a squeeze costs",
  });
  const update = () => {
    drawCurves(curves);
    if (widths) drawWidths(widths);
  };
  update();
  root.append(h("div", { class: "grid" }, origin()));
  return { update, again: update };
}

// What the numbers say, each with a link to the figure that shows it.
function found() {
  if (!findings().length) return null;
  const finding = ({ text, basis, link }) =>
    h("li", {}, `${text} `, h("span", {}, `${basis} `), h("a", { href: address(link), onclick: follow(link) }, `see ${link.view === "overview" ? "below" : link.view}`));
  return h("section", { class: "panel", id: "findings" }, h("h3", {}, "Findings"), h("ul", {}, findings().map(finding)));
}

const address = link => `#${new URLSearchParams(link)}`;

const follow = link => event => {
  event.preventDefault();
  state.follow(link);
};

function card(network) {
  const last = name => network.history[name]?.at(-1);
  const { card } = network,
    about = card ? `${card.framework}; on ${images(network)}` : "not defined yet";
  const size = network.parameters ? `${number(network.parameters)} parameters` : "";
  const element = h(
    "article",
    { class: "card", "data-network": network.name },
    h("h3", {}, network.title, network.title === network.name ? null : h("span", {}, network.name)),
    h("div", { class: "big" }, value(last, network.scores?.[0] ?? ["loss"]) ?? "–"),
    h("p", {}, tested(network, last)),
    network.stands_out && h("p", { class: "stands-out" }, `What stands out: ${network.stands_out}`),
    h("p", {}, [about, shape(network), size].filter(Boolean).join("; ")),
    card?.modules && outline(card),
  );
  element.style.borderLeftColor = network.colour;
  return element;
}

// The last value of a score, as text; nothing where there is none.
const value = (last, score) => (Number.isFinite(score && last(`val_${score[0]}`)) ? last(`val_${score[0]}`).toFixed(3) : null);

// How a network did in its test, in words.
function tested({ card, scores, unfinished }, last) {
  if (last("val_loss") === undefined) return "not trained yet";
  const [[, name], ...others] = scores.length ? scores : [[null, "loss"]],
    more = others.map(score => `; ${score[1]} ${value(last, score) ?? "–"}`).join("");
  return `test ${name}${unfinished ? " so far" : ""} ${when(card, last("epoch"))}${more}`;
}

// The images that a network saw: its data set, where that came from, and how they were fitted to its input.
function images({ card, data, shape }) {
  const padded = !card.modules && shape && String(shape) !== String(card.input);
  return [card.dataset, data && `: ${data}`, padded && `, padded to ${card.input.join(" × ")}`].filter(Boolean).join("");
}

// When a network was as its metrics say.
const when = (card, epoch) =>
  card?.checkpoint || card?.checkpoints
    ? `as it came, from ${card.checkpoint ?? card.checkpoints}`
    : `after ${number(epoch)} epochs`;

// Of a user-defined network: every layer, its output's shape and its parameters.
function outline({ modules }) {
  const row = ([name, , shape, parameters]) =>
    h("tr", {}, h("td", {}, name), h("td", {}, Array.isArray(shape) ? shape.join(" × ") : shape || "–"), h("td", {}, number(parameters)));
  const head = h("tr", {}, ["layer", "output", "parameters"].map(text => h("th", {}, text)));
  return h(
    "details",
    {},
    h("summary", {}, `its ${modules.length} layers`),
    h("table", {}, head, modules.map(row)),
  );
}

function shape({ card, noun }) {
  const width = layer => (Array.isArray(layer) ? `${layer[0]}→${layer[1]}` : String(layer));
  if (!card) return "";
  if (card.modules) {
    const settings = Object.entries(card.arguments).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    const built = card.build && `${card.build}${settings.length ? ` with ${settings.join(", ")}` : ""}`;
    const images = `${noun}s of ${card.input.join(" × ")}${normalised(card.normalize ?? {})}`;
    return [built, images, `units: ${unitsOf(card)}`, `on ${card.device}`].filter(Boolean).join("; ");
  }
  if (card.layers) return `layers ${card.layers.map(width).join(" · ")}`;
  return [`convolutions ${card.convolutions.join(" · ")}`, card.dense.length && `dense ${card.dense.join(" · ")}`]
    .filter(Boolean)
    .join(", ");
}

// What a unit of a layer is: flatten, pool, tokens, or the token that is looked at, as in "token first".
const unitsOf = ({ units }) => (typeof units === "string" ? units : Object.entries(units).flat().join(" "));

// What was made of the inputs, whose channels or columns may be many.
const normalised = ({ mean, std }) =>
  !mean ? "" : mean.length > 3 ? ", each of them standardised" : `, less ${mean.map(number).join(", ")} over ${std.map(number).join(", ")}`;

function drawCurves(curves) {
  const known = metrics(),
    metric = state.get(
      "metric",
      known.map(one => one[0]),
      known[0][0],
    ),
    text = Object.fromEntries(known)[metric];
  const series = [`val_${metric}`, `train_${metric}`];
  const traces = networks().flatMap(({ title, colour, history }) =>
    series
      .filter(key => history[key])
      .map((key, i) => ({
        x: history.epoch,
        y: history[key],
        name: `${plain(title)}${i ? ", training" : ""}`,
        showlegend: i === 0,
        mode: "lines+markers",
        marker: { size: 5 },
        line: { color: onPage(colour), dash: i ? "dot" : "solid", width: i ? 1.3 : 2 },
        hovertemplate: `${plain(title)}, ${i ? "training" : "test"}: %{y:.4f}<extra>epoch %{x}</extra>`,
      })),
  );
  const banded = networks().filter(one => one.bands?.[series[0]]);
  traces.unshift(...banded.map(one => band(one, series[0])));
  const trained = traces.some(trace => trace.line?.dash === "dot" && trace.y.some(Number.isFinite));
  curves.say(
    "Training curves",
    [
      trained
        ? "Solid: the test data, dotted: the training data. A gap between the two that grows is overfitting."
        : "Solid: the test data.",
      banded.length && "Shaded: the 95 % t interval for the mean over the seeds of networks with several.",
      metric === "loss" && losses(),
    ]
      .filter(Boolean)
      .join(" "),
  );
  curves.draw(traces, { xaxis: { title: { text: "epoch" }, dtick: epochStep() }, yaxis: { title: { text } } });
}

// The interval of a `column` of a network's history over its seeds, from epoch to epoch and back.
function band({ title, colour, history, bands }, column) {
  const [mean, half] = bands[column],
    upper = mean.map((value, i) => value + half[i]),
    lower = mean.map((value, i) => value - half[i]);
  return {
    x: [...history.epoch, ...history.epoch.toReversed()],
    y: [...upper, ...lower.toReversed()],
    name: `${plain(title)}, interval over seeds`,
    mode: "lines",
    fill: "toself",
    line: { width: 0, color: onPage(colour) },
    opacity: 0.25,
    hoverinfo: "skip",
    showlegend: false,
  };
}

// Which loss the networks' curves are of.
function losses() {
  const drawn = networks().filter(one => one.history.val_loss),
    kinds = [...new Set(drawn.map(one => one.loss))];
  if (kinds.length < 2) return kinds.map(kind => `It is the ${kind}.`).join("");
  const of = kind => drawn.filter(one => one.loss === kind).map(one => one.title);
  return `Not to be compared across kinds: ${kinds.map(kind => `${kind} of ${of(kind).join(", ")}`).join("; ")}.`;
}

// A tick at every epoch, of few; else the chart finds its ticks.
function epochStep() {
  const last = Math.max(1, ...networks().map(one => one.history.epoch?.at(-1) ?? 0));
  return last <= 12 ? 1 : undefined;
}

function drawWidths(widths) {
  const squeezed = networks().filter(one => one.width && scored(one).length),
    named = [...new Set(squeezed.map(one => `test ${one.scores[0][1]}`))].join(" or ") || "test accuracy";
  const families = group(squeezed);
  const traces = [...families.values()].map(members => {
    members.sort((a, b) => a.width - b.width);
    const alike = one => members.filter(other => other.width === one.width),
      names = (of, between = ", ") => of.map(one => plain(one.title)).join(between);
    return {
      x: members.map(one => one.width),
      y: members.map(one => (overSeeds(one)?.[0] ?? scored(one)).at(-1)),
      mode: "lines+markers+text",
      cliponaxis: false,
      name: names(members),
      line: { color: themed("--soft"), width: 1.3 },
      marker: { size: 10, color: members.map(one => onPage(one.colour)) },
      error_y: { array: members.map(halfWidth), color: themed("--soft"), thickness: 1.2, width: 5 },
      textposition: members.length > 1 ? "top left" : "middle right",
      text: members.map(one => (alike(one)[0] === one ? names(alike(one), "<br>").replaceAll(", ", ",<br>") : "")),
      hovertemplate: "%{text}: %{y:.4f}<extra>width %{x}</extra>",
    };
  });
  const ticks = [...new Set(squeezed.map(one => one.width))].sort((a, b) => a - b);
  const joined = traces.some(trace => trace.x.length > 1);
  widths.say(
    "What a squeeze costs",
    squeezed.length
      ? [
          `${named.replace("t", "T")} at the last epoch against the narrowest passage.`,
          joined && "Networks that differ in nothing but that width are joined by a line.",
          squeezed.some(overSeeds) && "Means of several seeds have 95 % t intervals.",
          squeezed.some(one => !overSeeds(one) && halfWidth(one)) &&
            `Bars: ${errors()} standard errors, of the number of test images alone; another training may differ by more.`,
        ]
          .filter(Boolean)
          .join(" ")
      : "No network with a squeeze has been trained yet.",
  );
  widths.draw(traces, {
    showlegend: false,
    margin: { l: 58, r: 20, t: 24, b: 50 },
    xaxis: {
      type: "log",
      tickvals: ticks,
      range: widthRange(traces, ticks[0] ?? 1, ticks.at(-1) ?? 1, widths.plot.clientWidth - 78),
      title: { text: "width of the narrowest squeeze (units)" },
    },
    yaxis: { title: { text: named } },
  });
}

// The values of the score of a network's task in its test, epoch by epoch.
const scored = ({ scores, history }) => history[`val_${scores?.[0]?.[0]}`] ?? [];

// Of several seeds, their means and the half widths of their intervals, epoch by epoch.
const overSeeds = ({ scores, bands }) => bands?.[`val_${scores?.[0]?.[0]}`];

// How far a score may lie from the mean over all seeds; of one training a classifier's accuracy from that over all images like
// its test images; 0 for other scores.
function halfWidth(network) {
  const { history, scores, test_images: images } = network;
  if (overSeeds(network)) return overSeeds(network)[1].at(-1);
  const accuracy = history.val_f1?.length && scores[0][0] === "accuracy" ? history.val_accuracy.at(-1) : 0;
  return images ? errors() * Math.sqrt((accuracy * (1 - accuracy)) / images) : 0;
}

// The range of an axis of `pixels` on which the names to the left of the first width have space.
function widthRange(traces, first, last, pixels) {
  const names = traces.flatMap(({ x, text }) => text.filter((_, i) => x[i] === first)).flatMap(text => text.split("<br>"));
  const share = Math.min(0.5, (Math.max(0, ...names.map(name => textWidth(unplain(name), 12))) + 14) / pixels),
    [low, high] = [Math.log10(first), Math.log10(last) + 0.3];
  return [low - ((high - low) * share) / (1 - share), high];
}

function group(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.family, [...(groups.get(item.family) ?? []), item]);
  return groups;
}

function origin() {
  const from = provenance(),
    [commit, date] = (from.commit || "").split(" ");
  const sources = [
    ...new Set(
      networks()
        .map(one => one.source)
        .filter(Boolean),
    ),
  ];
  const missing = networks()
    .filter(one => Object.values(one.blocks).some(name => !name))
    .map(one => one.name);
  const written = new Date(document.lastModified);
  const rows = [
    ["data", sources.join("; ") || `${from.data}, not downloaded yet`],
    [
      "commit",
      commit
        ? `${commit}, of ${new Date(date).toLocaleString()}: the last that changed the stages, their graph or the parameters`
        : "not a git checkout, or nothing committed",
    ],
    from.changed && ["not committed", someOf(from.changed.split("\n"))],
    [
      "make it again",
      commit
        ? `git checkout ${commit.slice(0, 12)} && make run${from.changed ? ", with the parameters below" : ""}`
        : "make run, with the parameters below",
    ],
    ["file written", written.toLocaleString()],
    ["Python", `${from.python} on ${from.machine}`],
    [
      "packages",
      Object.entries(from.versions)
        .map(pair => pair.join(" "))
        .join(", "),
    ],
    missing.length && ["not finished", missing.join(", ")],
    [
      "in this page",
      `everything of ${withTopic("correlations").length} networks that its views show, computed from the files in artifacts/. Correlations of units are kept in steps of 1/64; what was left out, each view says.`,
    ],
  ].filter(Boolean);
  return h(
    "section",
    { class: "panel full", id: "origin" },
    h("h3", {}, "Where this comes from"),
    h(
      "dl",
      {},
      rows.flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, text)]),
    ),
    h("h3", {}, "Parameters"),
    h("pre", { tabindex: 0, "aria-label": "params.yaml as it was read" }, from.parameters),
  );
}

// The first of many texts, and how many there are beside them.
const someOf = texts =>
  [...texts.slice(0, MOST_CHANGED), texts.length > MOST_CHANGED && `and ${texts.length - MOST_CHANGED} more`].filter(Boolean).join("; ");
