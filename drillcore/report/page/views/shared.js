// What the views have in common: which network is looked at, and what is said where there is nothing to see.

import { diverging, onPage } from "colours";
import { select } from "controls";
import { studied, titleOf, withTopic, wordsOf } from "data";
import { h, plain, themed } from "dom";
import * as state from "state";
import { speakOf } from "words";

const MOST_NAMED = 24,
  MOST_EPOCHS = 8,
  MOST_MARKED = 12,
  FEW_MARKS = 10,
  WIDE = 2,
  PLAIN_SYMBOL = "circle";
// The colour bar of correlations.
export const R_BAR = { low: -1, high: 1, stops: diverging.stops, title: "Pearson's r" };

// The control and the network it has chosen, among those that have `topic`, at first the one that the view is about;
// without any, the page says so.
export function chooseNetwork(root, topic, stage, view = topic) {
  const names = withTopic(topic);
  if (!names.length) {
    root.append(h("p", { class: "empty" }, `Nothing to show yet: no network has been through the stage ${stage}.`));
    return {};
  }
  const name = state.get("network", names, studied(view, names));
  speakOf(...wordsOf([name]));
  return { name, control: networkMenu(names, name) };
}

export const networkMenu = (names, chosen) =>
  select(
    "network",
    "network",
    names.map(name => [name, titleOf(name)]),
    chosen,
  );

// Around dots of a scale, whose ends are nearly as dark or as light as the page.
export const dotLine = () => ({ width: 0.6, color: themed("--soft") });

// One point for each of the samples in `order`, which says what `say` says of it.
export const sampleDots = (order, say, x, y, marker) => ({
  x: order.map(i => x[i]),
  y: order.map(i => y[i]),
  customdata: order,
  text: order.map(i => plain(say(i).replaceAll("; ", "<br>"))),
  hovertemplate: "%{text}<extra></extra>",
  name: "samples",
  mode: "markers",
  marker: { size: 7, reversescale: true, line: dotLine(), ...marker },
});

export const controls = (...children) => h("div", { class: "controls" }, children.filter(Boolean));

// Draws an image (height, width, channels) of uint8 so that each of its pixels is a square of the canvas.
function drawImage(canvas, images, position, size) {
  const [, height, width, channels] = images.shape;
  Object.assign(canvas, { width, height });
  canvas.style.width = `${size}px`;
  canvas.style.height = `${(size * height) / width}px`;
  const image = new ImageData(width, height),
    begin = position * width * height * channels;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = images[begin + i * channels + (channels === 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// A row of a table: the numbers below the names of their columns.
function row(parts) {
  const cells = parts.flatMap((name, i) => (i % 2 ? [] : h("div", {}, h("dt", {}, name), h("dd", {}, parts[i + 1]))));
  return h("dl", { class: "row" }, cells);
}

// What a sample is: its image, `size` pixels wide, or a signal's, as high as that, its row of a table, or its text with
// tokens marked.
export function picture({ texts, rows, arrays }, position, size) {
  if (texts && rows) return row(texts[position]);
  if (texts) {
    const parts = texts[position].map((part, i) => (i % 2 ? h("mark", {}, part) : part));
    return h("p", { class: "text" }, parts);
  }
  const [, height, width] = arrays.images.shape,
    wide = width >= WIDE * height;
  const canvas = h("canvas", { "aria-hidden": "true", class: wide ? "wide" : "" });
  drawImage(canvas, arrays.images, position, wide ? (size * width) / height : size);
  return canvas;
}

// Ticks in the middle of the cells of a map, thinned where there are many.
export function cells(names, title = "", most = 40) {
  const every = Math.ceil(names.length / most);
  const shown = names.map((name, i) => [i + 0.5, String(name)]).filter((_, i) => i % every === 0);
  return { ticks: shown.map(one => one[0]), texts: shown.map(one => one[1]), title };
}

// Whether the legend of so many lines names this one: of many an even choice, the first and the last among them.
function named(position, count) {
  const positionOf = i => Math.round((i * (count - 1)) / (MOST_NAMED - 1));
  return count <= MOST_NAMED || positionOf(Math.round((position * (MOST_NAMED - 1)) / (count - 1))) === position;
}

// How plotly.js draws a layer's line with its colour, dashes and symbol: of more than legends name, the others are thin.
// Where a line has many points, but few of them have its symbol.
export function layerTrace([colour, dash, symbol], position, count, points = 0) {
  const shown = named(position, count),
    many = points > MOST_MARKED,
    marked = shown && !(many && symbol === PLAIN_SYMBOL);
  return {
    showlegend: shown,
    mode: marked ? "lines+markers" : "lines",
    line: { color: onPage(colour), width: shown ? 1.8 : 0.6, dash: shown ? dash : "solid" },
    marker: { symbol, size: 6, maxdisplayed: many ? FEW_MARKS : 0 },
  };
}

// An axis of epochs, which are whole.
export const epochAxis = epochs => ({
  title: { text: "epoch" },
  dtick: Math.ceil((Math.max(...epochs) - Math.min(...epochs)) / MOST_EPOCHS) || 1,
});

// A line at the epoch that a slider has chosen.
export const epochMark = epoch => ({
  type: "line",
  x0: epoch,
  x1: epoch,
  yref: "paper",
  y0: 0,
  y1: 1,
  line: { dash: "dot", width: 1, color: "#8888" },
});

// Ticks at round numbers of a map's many rows or columns.
export function counted(length, title) {
  const step = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500].find(one => length / one <= 8) ?? 1000;
  const ticks = Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step);
  return { ticks: ticks.map(tick => tick + 0.5), texts: ticks.map(String), title };
}

export const nearest = (values, wanted) =>
  values.reduce((best, value) => (Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best));
