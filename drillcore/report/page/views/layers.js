// What every layer of a network knows: all scores of its layers side by side, layer by layer or epoch by epoch.

import { onPage } from "colours";
import { choice, slider } from "controls";
import { topic } from "data";
import { h, once, plain, themed } from "dom";
import { chart, logAxis, textWidth } from "figures";
import * as state from "state";
import { chooseNetwork, controls, epochAxis, epochMark, layerTrace } from "views/shared";
import { inWords } from "words";

export const title = "Layers";
export const intro =
  "Every score of a network's layers side by side: what can be read from a layer, how far it has collapsed onto its classes, on how many dimensions its samples lie, which of its units are dormant, when it settles, and what putting it back to an earlier epoch costs. Readouts are fitted to training samples and scored on test samples. Orange, or dotted, is what chance alone gives. Of several seeds, bars are 95 % t intervals around their mean at the last epoch.";

const ALONG = [
    ["layer", "layers"],
    ["epoch", "epochs"],
  ],
  CHANCE = "#d55e00",
  SEEDS = "#222222",
  FAR = 30,
  BESIDE = 90,
  HEIGHT = 230,
  NAME_SIZE = 12,
  NAME_HEIGHT = 17; // in pixels: beside the names, of a chart without them, of a letter, of a name across

export async function show(root) {
  const { name, control } = chooseNetwork(root, "geometry", "geometry");
  if (!name) return null;
  const data = await topic("geometry", name);
  const grid = h("div", { class: "grid" });
  const epoch = slider("epoch", "epoch", data.epochs, { play: true });
  root.append(controls(control, choice("along", "along", ALONG.map(([key, label]) => [key, inWords(label)])), epoch), grid);
  const height = HEIGHT + Math.max(...data.layers.map(layer => textWidth(layer, NAME_SIZE)));
  const charts = data.measures.map(([id, title, , , told, status]) => ({
    id,
    one: chart(grid, { id: `layers-${id}`, title, note: caption(told, status), height }),
  }));
  const curve = chart(grid, {
    id: "layers-curve",
    title: "Intrinsic dimension of fewer samples",
    note: "Of disjoint parts of the samples, the mean: a dimension that falls with their number is one of noise.",
    height,
  });
  const draw = () => {
    const at = data.epochs.indexOf(state.get("epoch", data.epochs, data.epochs.at(-1)));
    const along = state.get("along", ["layer", "epoch"], "layer");
    for (const [position, { one }] of charts.entries()) {
      const [id, , axis, wide] = data.measures[position];
      if (along === "layer") byLayer(one, data, id, axis, wide, at);
      else byEpoch(one, data, id, axis, wide, at);
    }
    drawCurve(curve, data, at);
  };
  const later = once(draw);
  draw();
  return { update: later, step: by => epoch.step(by), again: draw };
}

const caption = (told, status) => (status === "complete" ? told : `${told} Not known: ${status}.`);

const row = (array, at, width) => Array.from(array.subarray(at * width, (at + 1) * width));

// The least, the mean and the largest by chance, each (epochs, layers), or null; NaN where there is no value to compare.
function chanceOf(data, id) {
  const chance = data.arrays[`${id}/chance`],
    size = data.epochs.length * data.layers.length;
  const beside = (value, i) => (Number.isFinite(data.arrays[id][i]) ? value : NaN);
  return chance && [0, 1, 2].map(part => chance.subarray(part * size, (part + 1) * size).map(beside));
}

function valueAxis(data, id, axis, wide) {
  const [mean, half] = [0, 1].map(part => row(data.arrays[`${id}/seeds`] ?? new Float32Array(), part, data.layers.length)),
    ends = mean.map((value, i) => value + half[i]);
  const values = [...data.arrays[id], ...(data.arrays[`${id}/chance`] ?? []), ...ends].filter(Number.isFinite);
  const low = Math.min(...values),
    high = Math.max(...values);
  const scale = wide && low > 0 && high > FAR * low ? logAxis(values) : { range: [Math.min(0, 1.05 * low), 1.05 * (high || 1)] };
  return { title: { text: axis }, ...scale };
}

// What is between `low` and `high`, a closed line around every run of neighbours that have both, so that none spans a gap.
function band(low, high) {
  const x = [],
    y = [];
  let from = 0;
  low.forEach((_, i) => {
    const ends = i + 1 === low.length || !Number.isFinite(low[i + 1]);
    if (!Number.isFinite(low[i])) from = i + 1;
    else if (ends) {
      const run = Array.from({ length: i + 1 - from }, (_, k) => from + k);
      x.push(...run, ...run.toReversed(), null);
      y.push(...run.map(k => low[k]), ...run.toReversed().map(k => high[k]), null);
      from = i + 1;
    }
  });
  return { x, y };
}

function byLayer(one, data, id, axis, wide, at) {
  const width = data.layers.length,
    places = data.layers.map((_, i) => i),
    chance = chanceOf(data, id),
    every = Math.ceil(width / Math.max(1, Math.floor((one.plot.clientWidth - BESIDE) / NAME_HEIGHT))),
    ticks = places.filter(i => i % every === 0);
  const line = (name, y, colour, more = {}) => ({
    x: places,
    y,
    name,
    mode: "lines+markers",
    line: { color: onPage(colour), width: 1.8 },
    marker: { size: 6 },
    text: data.layers.map(plain),
    hovertemplate: `%{text}: %{y:.4~g}<extra>${name}</extra>`,
    ...more,
  });
  const traces = [];
  if (chance) {
    const [low, mean, high] = chance.map(part => row(part, at, width)),
      edge = { mode: "lines", line: { width: 0, color: CHANCE }, hoverinfo: "skip", showlegend: false };
    traces.push(line("least by chance", low, CHANCE, edge), line("most by chance", high, CHANCE, edge));
    traces.push({ ...edge, ...band(low, high), fill: "toself", fillcolor: "rgba(213, 94, 0, 0.2)", showinfile: false });
    const dotted = { line: { color: onPage(CHANCE), dash: "dot", width: 1.5 }, marker: { symbol: "line-ew-open", size: 7 } };
    traces.push(line("chance", mean, CHANCE, dotted));
  }
  if (at > 0) traces.push(line(inWords(`epoch ${data.epochs[0]}`), row(data.arrays[id], 0, width), "#999999"));
  traces.push(line(inWords(`epoch ${data.epochs[at]}`), row(data.arrays[id], at, width), "#0072b2"));
  const seeds = data.arrays[`${id}/seeds`];
  if (seeds && at === data.epochs.length - 1) {
    const [mean, half] = [0, 1].map(part => row(seeds, part, width));
    traces.push(
      line(`${data.seeds} seeds`, mean, SEEDS, {
        mode: "markers",
        marker: { size: 9, symbol: "line-ew", color: onPage(SEEDS), line: { width: 1.5, color: onPage(SEEDS) } },
        error_y: { array: half, color: onPage(SEEDS), thickness: 1.5, width: 4 },
        text: data.layers.map((layer, i) => `${plain(layer)}: ${mean[i].toPrecision(3)} ± ${half[i].toPrecision(2)}`),
        hovertemplate: `%{text}<extra>${data.seeds} seeds</extra>`,
      }),
    );
  }
  one.draw(traces, {
    xaxis: { title: { text: "layer" }, tickvals: ticks, ticktext: ticks.map(i => plain(data.layers[i])), tickangle: -90, range: [-0.4, width - 0.6] },
    yaxis: valueAxis(data, id, axis, wide),
  });
}

// Lines are drawn over the epochs at which the measure is known of some layer: a gap is a layer that has no value there.
function byEpoch(one, data, id, axis, wide, at) {
  const width = data.layers.length,
    chance = chanceOf(data, id),
    seeds = data.arrays[`${id}/seeds`],
    known = [...data.epochs.keys()].filter(i => row(data.arrays[id], i, width).some(Number.isFinite)),
    x = known.map(i => data.epochs[i]),
    of = (values, position) => known.map(i => values[i * width + position]);
  const traces = data.layers.flatMap((layer, position) => {
    const look = layerTrace(data.looks[position], position, width),
      name = plain(layer),
      hidden = { x, showlegend: false, hovertemplate: "%{y:.4~g}<extra>%{fullData.name}</extra>" };
    return [
      chance && {
        ...hidden,
        y: of(chance[1], position),
        name: `${name} by chance`,
        mode: "lines",
        line: { ...look.line, dash: "dot", width: 1.3 },
      },
      { ...hidden, y: of(data.arrays[id], position), name, ...look },
      seeds && {
        ...hidden,
        x: [data.epochs.at(-1)],
        y: [seeds[position]],
        name: `${name}, mean of ${data.seeds} seeds`,
        mode: "markers",
        marker: { size: 1, color: look.line.color },
        error_y: { array: [seeds[width + position]], thickness: 1.3, width: 4 },
      },
    ].filter(Boolean);
  });
  const dotted = { color: themed("--soft"), dash: "dot", width: 1.3 };
  if (chance) traces.push({ x: [null], y: [null], name: "by chance", mode: "lines", line: dotted, showinfile: false });
  one.draw(traces, {
    shapes: [epochMark(data.epochs[at])],
    xaxis: epochAxis(data.epochs),
    yaxis: valueAxis(data, id, axis, wide),
  });
}

function drawCurve(one, data, at) {
  const { sizes, curve } = data.arrays,
    [, width, most] = sizes.shape;
  const traces = data.layers.map((layer, position) => {
    const begin = (at * width + position) * most,
      known = [...Array(most).keys()].filter(i => sizes[begin + i] > 0);
    return {
      x: known.map(i => sizes[begin + i]),
      y: known.map(i => curve[begin + i]),
      name: plain(layer),
      ...layerTrace(data.looks[position], position, width),
    };
  });
  const numbers = Array.from(sizes).filter(size => size > 0);
  one.say(`Intrinsic dimension of fewer samples, epoch ${data.epochs[at]}`);
  one.draw(traces, {
    xaxis: { title: { text: "samples" }, ...logAxis(numbers) },
    yaxis: { title: { text: "dimensions" }, rangemode: "tozero" },
  });
}
