// Which units carry the same signal: Pearson's r between layers over the epochs, and over augmentations of one image.

import { correlationPixels, diverging, NO_VALUE, paint, sequential, STEPS } from "colours";
import { choice, slider } from "controls";
import { topic } from "data";
import { h, number, settled } from "dom";
import { chart } from "figures";
import { raster } from "raster";
import * as state from "state";
import { showAugmentations } from "views/augmentations";
import { cells, chooseNetwork, controls, counted, nearest, R_BAR } from "views/shared";

export const title = "Correlations";
export const intro =
  "Pearson's r between every unit of one layer and every unit of another, over the same test images. Step through the epochs with the slider or the arrow keys, click a pair of layers to see all of its units, and look below at which augmentations of one image a layer takes for the same.";

const LEVELS_A_BIN = 3,
  BINS = (2 * STEPS + 1) / LEVELS_A_BIN;

export async function show(root) {
  const { name, control } = chooseNetwork(root, "correlations", "correlations");
  if (!name) return;
  const data = await topic("correlations", name),
    { layers, epochs } = data;
  const epoch = slider("epoch", "epoch", epochs, { play: true });
  root.append(
    controls(
      control,
      epoch,
      choice("mean", "shown", [
        ["size", "mean |r|"],
        ["sign", "mean r"],
      ]),
    ),
  );
  const grid = h("div", { class: "grid" });
  root.append(grid);
  const now = () => ({
    epoch: state.get("epoch", epochs, epochs.at(-1)),
    signed: state.get("mean", ["size", "sign"], "size") === "sign",
    pair: chosenPair(layers),
  });
  const left = h("div", { class: "column" });
  grid.append(left);
  const map = raster(left, {
    id: "layers",
    title: "Layer by layer",
    onPoint: (i, j) =>
      `${layers[i]} with ${layers[j]}: mean ${now().signed ? "r" : "|r|"} ${number(meanAt(data, now(), i, j))}`,
    onPick: (i, j) => state.set({ pair: `${Math.min(i, j)},${Math.max(i, j)}` }),
  });
  const units = raster(grid, { id: "units", title: "Units by units", onPoint: (i, j) => sayUnits(data, now(), i, j) });
  const bars = chart(left, {
    id: "histogram",
    title: "How the units' correlations are distributed",
    note: "All cells of the map of units; of a layer with itself, each pair of units once and no unit with itself.",
    height: 170,
  });
  map.table = () => mapTable(data, now());
  units.table = () => unitTable(data, now());
  const drawBars = settled(() => drawHistogram(bars, data, now()));
  const update = () => {
    drawMap(map, data, now());
    drawUnits(units, data, now());
    drawBars();
  };
  update();
  drawHistogram(bars, data, now());
  const augmented = await showAugmentations(root, name);
  return {
    update: keys => (keys.some(key => ["layer", "colours"].includes(key)) ? augmented?.update() : update()),
    step: epoch.step,
    again: () => {
      update();
      augmented?.again();
    },
  };
}

function chosenPair(layers) {
  const [a, b] = (state.raw("pair") ?? "").split(",").map(Number);
  return Number.isInteger(a) && Number.isInteger(b) && a >= 0 && b >= a && b < layers.length ? [a, b] : [0, Math.min(1, layers.length - 1)];
}

function meanAt(data, { epoch, signed }, i, j) {
  const count = data.layers.length;
  return data.arrays[signed ? "mean" : "mean_abs"][(data.epochs.indexOf(epoch) * count + i) * count + j];
}

function drawMap(map, data, now) {
  const { layers } = data,
    count = layers.length;
  const values = Float64Array.from({ length: count * count }, (_, k) =>
    meanAt(data, now, Math.floor(k / count), k % count),
  );
  const high = roundedMost(data.arrays.mean_abs),
    bar = now.signed
      ? { low: -high, high, stops: diverging.stops, title: "mean r" }
      : { low: 0, high, stops: sequential.stops, title: "mean |r|" };
  map.draw({
    pixels: paint(values, now.signed ? diverging : sequential, bar.low, high),
    rows: count,
    columns: count,
    xs: cells(layers),
    ys: cells(layers),
    bar,
    texts: Array.from(values, value => (Number.isFinite(value) ? value.toFixed(2) : "–")),
    side: 400,
  });
  map.mark(...now.pair);
  const shown = `mean ${now.signed ? "r" : "|r|"}`,
    first = data.epochs[0],
    before = now.epoch > first ? `, and ${betweenLayers(data, { ...now, epoch: first })} at epoch ${first}` : "",
    beside = count > 1 ? ` Beside the diagonal, between different layers, ${shown} is ${betweenLayers(data, now)} on average${before}.` : "";
  map.say(
    `Layer by layer, epoch ${now.epoch}`,
    `Each cell is the mean over all pairs of stored units of two layers.${beside} Click a cell, or move with the arrow keys and press Enter, to see its units.`,
  );
}

// The mean of the cells beside the diagonal, as text.
function betweenLayers(data, now) {
  const values = data.layers
    .flatMap((_, i) => data.layers.map((_, j) => (i === j ? NaN : meanAt(data, now, i, j))))
    .filter(Number.isFinite);
  return values.length ? (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2) : "undefined";
}

// The end of a scale that serves all epochs.
const roundedMost = values =>
  Math.max(1, Math.ceil(10 * values.reduce((most, value) => (value > most ? value : most), 0))) / 10;

// The cells (rows, columns) of a pair's block at the nearest epoch of which the units were kept.
export function unitBlock(data, { epoch, pair: [a, b] }) {
  const { shown, kept, arrays } = data,
    used = nearest(kept, epoch),
    size = arrays.matrix.shape[1];
  let begin = kept.indexOf(used) * size;
  for (let i = 0; i <= a; i++) for (let j = i; j < (i === a ? b : shown.length); j++) begin += shown[i] * shown[j];
  return {
    rows: shown[a],
    columns: shown[b],
    used,
    values: arrays.matrix.subarray(begin, begin + shown[a] * shown[b]),
  };
}

// What an axis with the units of a layer is called: where not all are stored, so many of how many, if that is known.
function unitsOf(data, i) {
  const some = data.subset[i] ? `${data.units[i]} of ${data.all[i] ? number(data.all[i]) : "the"} ` : "";
  return `${some}units of ${data.layers[i]}`;
}

function drawUnits(units, data, now) {
  const { rows, columns, used, values } = unitBlock(data, now),
    [a, b] = now.pair;
  const pixels = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) pixels[i] = correlationPixels[values[i] & 255];
  units.draw({
    pixels,
    rows,
    columns,
    xs: counted(columns, unitsOf(data, b)),
    ys: counted(rows, unitsOf(data, a)),
    bar: R_BAR,
    side: 560,
  });
  const some = [...new Set([a, b])]
    .filter(i => data.units[i] > data.shown[i])
    .map(i => `${data.shown[i]} of ${data.units[i]} stored units of ${data.layers[i]}`);
  units.say(
    `${data.layers[a]} with ${data.layers[b]}, epoch ${used}`,
    [
      "Red: two units move together over the images; blue: one falls where the other rises.",
      data.clustered ? "Units that correlate at the last epoch stand side by side, in the same order at every epoch." : "",
      values.includes(NO_VALUE) ? "Grey: a dead unit, without any variance." : "",
      used === now.epoch ? "" : `The units of epoch ${now.epoch} were not kept: this is the nearest.`,
      data.subset[a] || data.subset[b] ? "Of a large layer a random subset of units is stored." : "",
      some.length ? `Evenly picked: ${some.join(", ")}.` : "",
    ]
      .filter(Boolean)
      .join(" "),
  );
}

// The position in its layer of the unit that is shown at a row or column.
const unitAt = ({ shown, arrays }, layer, at) =>
  arrays.unit[shown.slice(0, layer).reduce((sum, count) => sum + count, at)];

function sayUnits(data, now, i, j) {
  const { columns, values } = unitBlock(data, now),
    [a, b] = now.pair,
    value = values[i * columns + j];
  return `unit ${unitAt(data, a, i)} of ${data.layers[a]}, unit ${unitAt(data, b, j)} of ${data.layers[b]}: ${value === NO_VALUE ? "a dead unit has no r" : `r ${number(value / STEPS)}`}`;
}

function drawHistogram(bars, data, now) {
  const { rows, columns, values, used } = unitBlock(data, now),
    itself = now.pair[0] === now.pair[1];
  const counts = new Array(BINS).fill(0);
  for (let i = 0; i < rows; i++) {
    for (let j = itself ? i + 1 : 0; j < columns; j++) {
      const value = values[i * columns + j];
      if (value !== NO_VALUE) counts[Math.floor((value + STEPS) / LEVELS_A_BIN)]++;
    }
  }
  const x = counts.map((_, bin) => ((bin + 0.5) * LEVELS_A_BIN - 0.5) / STEPS - 1);
  bars.draw(
    [
      {
        type: "bar",
        x,
        y: counts,
        width: LEVELS_A_BIN / STEPS,
        marker: { color: x, colorscale: diverging.stops, cmin: -1, cmax: 1, line: { width: 0.5, color: "#8888" } },
        hovertemplate: "r about %{x:.2f}: %{y} pairs<extra></extra>",
      },
    ],
    {
      showlegend: false,
      bargap: 0,
      xaxis: { title: { text: "Pearson's r" }, range: [-1.05, 1.05] },
      yaxis: { title: { text: "pairs of units" } },
    },
  );
  bars.say(`How r is distributed: ${data.layers[now.pair[0]]} with ${data.layers[now.pair[1]]}, epoch ${used}`);
}

function mapTable(data, now) {
  const rows = data.layers.flatMap((a, i) => data.layers.map((b, j) => [now.epoch, a, b, meanAt(data, now, i, j)]));
  return { columns: ["epoch", "layer", "layer", now.signed ? "mean_r" : "mean_abs_r"], rows };
}

function unitTable(data, now) {
  const { columns, values } = unitBlock(data, now),
    [a, b] = now.pair;
  return {
    columns: ["unit_of_first", "unit_of_second", "r"],
    rows: Array.from(values, (value, k) => [
      unitAt(data, a, Math.floor(k / columns)),
      unitAt(data, b, k % columns),
      value === NO_VALUE ? null : value / STEPS,
    ]),
  };
}
