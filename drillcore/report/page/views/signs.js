// The sign of every gradient, from the whole network down to single parameters, at the threshold of the gradients' view.

import { pixel, rgb } from "colours";
import { choice } from "controls";
import { topic } from "data";
import { h, number } from "dom";
import { raster } from "raster";
import * as state from "state";
import { BAND, fillBands, fillWhole } from "views/bands";
import {
  arrange,
  bounds,
  byKind,
  classText,
  columnAt,
  farText,
  isEven,
  kindOf,
  nearText,
  parameterAt,
  sample,
} from "views/grain";
import { cells, controls } from "views/shared";

const LEAST_SPAN = 8,
  ROW = 68;
const STUDY = [
  ["study", "study: red and green"],
  ["colourblind", "orange and blue"],
];

export async function showSigns(root, name) {
  const data = await topic("signs", name);
  if (!data) return null;
  const scene = arrange(data);
  const legend = h("div", { class: "legend" }),
    jump = jumper(scene);
  const zoomIn = centre => zoom(scene, 1 / 2, centre),
    zoomOut = centre => zoom(scene, 2, centre);
  const button = (text, label, act) =>
    h("button", { type: "button", "aria-label": label, title: label, "data-zoom": label, onclick: act }, text);
  root.append(
    controls(
      choice("palette", "colours", STUDY),
      jump,
      h(
        "div",
        { class: "control", role: "group", "aria-label": "zoom" },
        button("+", "zoom in", () => zoomIn()),
        button("−", "zoom out", () => zoomOut()),
        button("◀", "to the left", () => pan(scene, -1)),
        button("▶", "to the right", () => pan(scene, 1)),
      ),
    ),
  );
  const grid = h("div", { class: "grid" });
  root.append(grid);
  const map = raster(grid, {
    id: "signs",
    title: "Signs of all gradients",
    full: true,
    points: false,
    hint: "double-click: zoom in; with Shift: out",
    onPoint: (row, column) => describe(scene, Math.floor(row / BAND), column),
  });
  map.node.append(legend);
  const update = () => {
    drawSigns(map, scene, legend);
    if (!jump.contains(document.activeElement)) jump.querySelector("select").value = "";
  };
  map.table = () => signTable(scene);
  const pointed = event => parameterAt(scene, (scene.columns * event.offsetX) / map.canvas.clientWidth);
  map.canvas.addEventListener("dblclick", event => (event.shiftKey ? zoomOut : zoomIn)(pointed(event)));
  map.canvas.addEventListener(
    "wheel",
    event => {
      if (document.activeElement !== map.canvas && !event.ctrlKey) return;
      event.preventDefault();
      (event.deltaY < 0 ? zoomIn : zoomOut)(pointed(event));
    },
    { passive: false },
  );
  update();
  return { update, again: update };
}

function jumper({ data, begins, layerBegins, layerSizes, total }) {
  const windows = data.tensors.map((name, i) => [
    begins[i] + data.window[i],
    begins[i] + data.window[i] + data.arrays[`window/${i}`].shape[1],
    name,
  ]);
  const option = ([from, to, text]) => h("option", { value: `${from}-${to}` }, text);
  const control = h(
    "select",
    { id: "jump", onchange: () => control.value && state.set({ zoom: control.value }) },
    h("option", { value: "" }, "…"),
    option([0, total, "the whole network"]),
    h(
      "optgroup",
      { label: "a layer" },
      data.layers.map((name, i) => option([layerBegins[i], layerBegins[i] + layerSizes[i], name])),
    ),
    h(
      "optgroup",
      { label: "single parameters of" },
      windows.map(([from, to, name]) => option([from, Math.min(to, from + 256), name])),
    ),
  );
  return h("div", { class: "control" }, h("label", { for: "jump" }, "go to"), control);
}

function range(scene) {
  const [from, to] = (state.raw("zoom") ?? "").split("-").map(Number);
  const valid = from >= 0 && to - from >= 1 && to <= scene.total;
  [scene.from, scene.to] = valid ? [from, to] : [0, scene.total];
  return scene;
}

function zoom(scene, factor, centre) {
  const { from, to } = range(scene),
    middle = centre ?? (from + to) / 2;
  const span = Math.max(Math.min(LEAST_SPAN, scene.total), Math.min(scene.total, (to - from) * factor));
  const begin = Math.round(Math.max(0, Math.min(scene.total - span, middle - ((middle - from) * span) / (to - from))));
  state.set({ zoom: `${begin}-${Math.round(begin + span)}` });
}

function pan(scene, by) {
  const { from, to } = range(scene),
    span = to - from;
  const begin = Math.round(Math.max(0, Math.min(scene.total - span, from + (by * span) / 2)));
  state.set({ zoom: `${begin}-${begin + span}` });
}

function drawSigns(map, scene, legend) {
  const { data } = range(scene),
    palette = data.palettes[state.get("palette", Object.keys(data.palettes), "study")].map(rgb);
  const threshold = state.get("threshold", data.edges, data.first);
  const kinds = kindOf(data, threshold),
    colours = palette.map(pixel);
  const span = scene.to - scene.from,
    columns = Math.min(span, Math.max(100, map.plot.clientWidth - 90)),
    rows = data.epochs.length;
  Object.assign(scene, { columns, kinds, shares: new Float64Array(kinds.length) });
  const pixels = new Uint32Array(rows * BAND * columns),
    drawn = data.kinds.map(() => 0);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const count = sample(scene, row, ...bounds(scene, column), scene.shares),
        shares = byKind(data, kinds, scene.shares),
        first = row * BAND * columns + column;
      if (count > 1 || !isEven(scene)) fillBands(pixels, first, columns, shares, data.kinds, colours);
      else fillWhole(pixels, first, columns, colours[shares.findIndex(share => share > 0)]);
      shares.forEach((share, kind) => (drawn[kind] += share));
    }
  }
  map.draw({
    pixels,
    rows: rows * BAND,
    columns,
    ys: epochTicks(data.epochs),
    xs: parameterTicks(scene),
    height: Math.max(90, Math.min(600, ROW * rows)),
  });
  const each = sample(scene, 0, ...bounds(scene, columns / 2), scene.shares);
  map.say(
    `Signs of the gradients at each epoch's last step: parameters ${number(scene.from)} to ${number(scene.to - 1)}, ${inside(scene)}`,
    (each > 1 || !isEven(scene)
      ? `${isEven(scene) ? `A column holds about ${number(each)} parameters` : "A tensor is as wide as the square root of its number of parameters"}: the upper band of an epoch has the share of each kind, the lower one, of those near zero alone, the negative against the positive. Zoom in`
      : "Each cell is one parameter. Zoom") +
      " with the buttons, by double-clicking, or with the wheel after a click; “go to” leads to single parameters." +
      kept(data) +
      (data.stored > rows ? ` ${rows} of ${data.stored} epochs, evenly spread.` : ""),
  );
  const near = nearText(data, threshold),
    texts = [`negative, ${near}`, `positive, ${near}`, farText(data, threshold), "exactly 0", "not a number"];
  legend.replaceChildren(
    ...texts
      .map((text, i) => {
        const swatch = h("i");
        swatch.style.background = `rgb(${palette[i].join(",")})`;
        return h("span", {}, swatch, text);
      })
      .filter((_, i) => drawn[i] > 0),
  );
}

// Where parameters are kept one by one, unless they all are.
function kept({ sizes, arrays }) {
  const windows = sizes.map((_, i) => arrays[`window/${i}`].shape[1]);
  if (windows.every((length, i) => length === sizes[i])) return "";
  return ` Of each tensor, at most ${number(Math.max(...windows))} neighbours are kept one by one, those with the fewest gradients of exactly zero; elsewhere the finest grain is a column of a layer.`;
}

function inside({ data, begins, layerBegins, from, to, total }) {
  if (from === 0 && to === total) return "the whole network";
  const [a, b] = [from, to - 1].map(at => begins.findLastIndex(begin => begin <= at));
  if (a === b) return data.tensors[a];
  const layers = [...new Set([a, b].map(tensor => data.layers[data.layer_of[tensor]]))];
  return layerBegins.length ? layers.join(" to ") : "";
}

// An epoch at the middle of its bands.
function epochTicks(epochs) {
  const { ticks, ...rest } = cells(epochs, "epoch", 14);
  return { ticks: ticks.map(tick => tick * BAND), ...rest };
}

// Names of the layers where they begin while several are in sight, else numbers of parameters.
function parameterTicks(scene) {
  const { data, from, to, columns } = scene,
    at = parameter => columnAt(scene, parameter);
  const seen = data.layers
    .map((name, i) => [
      name,
      Math.max(from, scene.layerBegins[i]),
      Math.min(to, scene.layerBegins[i] + scene.layerSizes[i]),
    ])
    .filter(([, begin, end]) => at(end) - at(begin) > columns / 40);
  if (seen.length > 1)
    return {
      ticks: seen.map(([, begin, end]) => at((begin + end) / 2)),
      texts: seen.map(one => one[0]),
      title: "parameters, from the first layer to the last",
    };
  const ticks = Array.from({ length: 5 }, (_, i) => Math.round(from + ((to - from - 1) * i) / 4));
  return { ticks: ticks.map(tick => at(tick + 0.5)), texts: ticks.map(number), title: "parameter" };
}

function describe(scene, row, column) {
  const { data } = scene,
    [begin, end] = bounds(scene, column),
    count = sample(scene, row, begin, end, scene.shares);
  const tensor = scene.begins.findLastIndex(first => first <= (begin + end) / 2);
  const text = `epoch ${data.epochs[row]}, ${data.tensors[tensor]}, parameter ${number(Math.floor(begin) - scene.begins[tensor])}`;
  if (count === 1)
    return `${text}: ${classText(
      data,
      scene.shares.findIndex(share => share > 0),
    )}`;
  const shares = byKind(data, scene.kinds, scene.shares)
    .map((share, i) => [data.kinds[i], share])
    .filter(one => one[1] > 0.0005);
  return `${text} and its neighbours: ${shares.map(([kind, share]) => `${(100 * share).toFixed(1)} % ${kind}`).join(", ")}`;
}

function signTable(scene) {
  const { data, columns } = scene,
    rows = [];
  data.epochs.forEach((epoch, row) => {
    for (let column = 0; column < columns; column++) {
      const [begin, end] = bounds(scene, column);
      sample(scene, row, begin, end, scene.shares);
      rows.push([
        epoch,
        Math.floor(begin),
        Math.ceil(end),
        ...byKind(data, scene.kinds, scene.shares),
      ]);
    }
  });
  return { columns: ["epoch", "from_parameter", "to_parameter", ...data.kinds], rows };
}
