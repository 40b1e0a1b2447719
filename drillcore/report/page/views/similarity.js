// Which layers represent the images alike, whatever the order of their units.

import { missing, paint, pixel, rgb, sequential } from "colours";
import { select, slider } from "controls";
import { axisOf, pair, pairs, studied, titleOf, topic, withTopic, wordsOf } from "data";
import { h, number, plain, themed } from "dom";
import { chart } from "figures";
import { raster } from "raster";
import * as state from "state";
import { cells, controls, epochAxis, layerTrace, networkMenu } from "views/shared";
import { speakOf } from "words";

export const title = "Similarity";
export const intro =
  "How alike two layers represent the same images, by the measure you choose: invariant to the order of their units, and to rotations. Cells that are no more alike than chance are grey: their false-discovery rate lies above the limit.";

const LIMITS = [0.01, 0.05, 0.1, 1];
const SCORES = [
  ["raw", "as it is"],
  ["calibrated", "relative to chance"],
];

const isDistance = ({ alike, unlike }) => alike < unlike;
const withUnit = (text, { unit }) => (unit ? `${text} (${unit})` : text);
// The values at the ends of a measure's colours.
const ends = ({ alike, unlike }) => [alike, unlike].sort((a, b) => a - b);

export async function show(root) {
  const names = [...withTopic("similarity"), ...pairs()];
  if (!names.length) {
    root.append(h("p", { class: "empty" }, "Nothing to show yet: no network has been through the stage similarity."));
    return null;
  }
  const name = state.get("network", names, studied("similarity", names)),
    data = await (pairs().includes(name) ? pair(name) : topic("similarity", name));
  speakOf(...wordsOf(data.networks ?? [name]));
  const epoch = slider("epoch", "epoch", data.epochs, { play: true });
  const measures = Object.keys(data.measures);
  root.append(
    controls(
      networkMenu(names, name),
      select(
        "measure",
        "measure",
        measures.map(one => [one, data.measures[one].title]),
        preferred(data),
      ),
      select("score", "score", SCORES, "raw"),
      epoch,
      slider("limit", "grey above a false-discovery rate of", LIMITS, {
        fallback: 0.05,
        format: limit => (limit === 1 ? "off" : String(limit)),
      }),
    ),
  );
  const grid = h("div", { class: "grid" });
  root.append(grid);
  const now = () => ({
    measure: state.get("measure", measures, preferred(data)),
    calibrated: state.get("score", SCORES.map(([name]) => name), "raw") === "calibrated",
    epoch: state.get("epoch", data.epochs, data.epochs.at(-1)),
    limit: state.get("limit", LIMITS, 0.05),
  });
  const map = raster(grid, {
    id: "similarity",
    title: "Layers by layers",
    onPoint: (i, j) => describe(data, now(), i, j),
  });
  map.table = () => table(data, now());
  const settling = data.compared.length > 1
    ? chart(grid, {
        id: "settling",
        title: "When each layer settles",
        height: 420,
        note: "Each layer against itself at the last epoch: the sooner a line reaches its end, the sooner that layer had learned what it represents.",
      })
    : null;
  const update = keys => {
    drawMap(map, data, now());
    if (settling && !keys?.includes("epoch")) drawSettling(settling, data, now());
  };
  update();
  return { update, again: () => update(), step: epoch.step };
}

const preferred = data => (data.tested in data.measures ? data.tested : Object.keys(data.measures)[0]);

// Chance is known at the last epoch alone.
const relative = (data, { calibrated, epoch }) => calibrated && epoch === data.epochs.at(-1);

// How the shown values of a measure are read: relative to chance, 0 is its quantile and 1 the same, of distances too.
const shownMeasure = (data, now) => {
  const measure = data.measures[now.measure];
  return relative(data, now)
    ? { ...measure, title: `${measure.title}, relative to chance`, bar: "relative to chance", alike: 1, unlike: 0, unit: "" }
    : measure;
};

function cell(data, now, i, j) {
  const pair = i * data.columns.length + j,
    index = data.epochs.indexOf(now.epoch) * data.rows.length * data.columns.length + pair,
    raw = data.arrays[`between/${now.measure}`][index],
    q = data.arrays.q_value[index];
  if (!relative(data, now)) return [raw, q];
  if (!data.networks && i === j) return [Number.isFinite(raw) ? 1 : NaN, q];
  const chance = data.arrays[`quantile/${now.measure}`][pair];
  return [(raw - chance) / (data.measures[now.measure].alike - chance), q];
}

function drawMap(map, data, now) {
  const { rows, columns } = data,
    titles = data.networks?.map(titleOf),
    measure = shownMeasure(data, now),
    [low, high] = ends(measure),
    all = rows.flatMap((_, i) => columns.map((_, j) => cell(data, now, i, j)));
  const scale = isDistance(measure)
    ? {
        pixels: sequential.pixels.slice().reverse(),
        stops: sequential.stops.map(([at], i, stops) => [at, stops[stops.length - 1 - i][1]]),
      }
    : sequential;
  const pixels = paint(
    all.map(one => one[0]),
    scale,
    low,
    high,
  );
  const undefinedCells = all.map(([value]) => !Number.isFinite(value)),
    grey = all.map(([, q], i) => q > now.limit && !undefinedCells[i]),
    background = pixel(rgb(themed("--panel")));
  all.forEach((_, i) => {
    if (grey[i]) pixels[i] = missing;
    if (undefinedCells[i]) pixels[i] = background;
  });
  map.draw({
    pixels,
    rows: rows.length,
    columns: columns.length,
    xs: cells(columns, titles?.[1]),
    ys: cells(rows, titles?.[0]),
    side: 500,
    bar: { low, high, stops: scale.stops, title: measure.bar ?? withUnit(measure.title, measure) },
    texts: all.map(([value], i) => (undefinedCells[i] ? "×" : value.toFixed(2))),
  });
  const beyond = all.some(([value], i) => !grey[i] && (value - measure.unlike) * (measure.alike - measure.unlike) < 0);
  const said = [
    `${data.samples} test images.`,
    data.stored > data.epochs.length && `${data.epochs.length} of ${data.stored} epochs are kept.`,
    relative(data, now)
      ? "0 is what 95 % of permutations of the samples stay below."
      : now.calibrated && "As it is: chance is known at the last epoch alone.",
    `${isDistance(measure) ? "A distance: " : ""}${number(measure.alike)} is the same up to what the measure ignores.`,
    beyond && `Values beyond ${number(measure.unlike)} have its colour.`,
    undefinedCells.some(Boolean) && "Empty, or × where there is room: undefined.",
    grey.some(Boolean)
      ? "Grey: by the permutation null of debiased CKA (Benjamini and Hochberg) no more than chance."
      : "No cell is greyed.",
  ];
  map.say(`${measure.title}, ${moment(data, now)}`, said.filter(Boolean).join(" "));
}

// Which epoch is shown: of two networks, the last of each where they share none.
const moment = ({ networks, last, epochs }, { epoch }) =>
  networks ? networks.map((name, i) => `${titleOf(name)} at ${axisOf(name)} ${epochs.length > 1 ? epoch : last[i]}`).join(" against ") : `epoch ${epoch}`;

function describe(data, now, i, j) {
  const [value, q] = cell(data, now, i, j);
  return `${data.rows[i]} with ${data.columns[j]}: ${number(value)}${Number.isFinite(q) ? `; false-discovery rate ${number(q)}` : ""}`;
}

function drawSettling(one, data, now) {
  const values = data.arrays[`across/${now.measure}`],
    measure = data.measures[now.measure],
    count = data.compared.length;
  const traces = data.rows
    .map((layer, l) => ({
      x: data.compared,
      y: Array.from(values.subarray(l * count, (l + 1) * count)),
      name: plain(layer),
      look: data.looks[l],
      hovertemplate: `${plain(layer)}: %{y:.4~g}<extra>epoch %{x}</extra>`,
    }))
    .filter((_, l) => data.rows[l] !== "input")
    .map(({ look, ...trace }, i, all) => ({ ...trace, ...layerTrace(look, i, all.length) }));
  one.draw(traces, {
    xaxis: epochAxis(data.compared),
    yaxis: {
      title: { text: withUnit(`${measure.title} with the last epoch`, measure) },
      autorange: isDistance(measure) ? "reversed" : true,
    },
  });
}

function table(data, now) {
  const rows = data.rows.flatMap((a, i) => data.columns.map((b, j) => [now.epoch, a, b, ...cell(data, now, i, j)]));
  return { columns: ["epoch", "layer", "layer", now.measure, "false_discovery_rate"], rows };
}
