// Which layers represent the images alike, whatever the order of their units.

import { missing, onPage, paint, sequential } from "colours";
import { select, slider } from "controls";
import { pair, pairs, topic, withTopic } from "data";
import { h, number, plain } from "dom";
import { chart } from "figures";
import { raster } from "raster";
import * as state from "state";
import { cells, controls, named } from "views/shared";

export const title = "Similarity";
export const intro =
  "How alike two layers represent the same images, by the measure you choose: invariant to the order of their units, and to rotations. Cells that are no more alike than chance are grey: their false-discovery rate lies above the limit.";

const LIMITS = [0.01, 0.05, 0.1, 1],
  WORDS = ["linear", "debiased", "procrustes"];
const measureText = name =>
  name
    .split("_")
    .map(word => (WORDS.includes(word) ? word : word.toUpperCase()))
    .join(" ");

// By measure: the ends of its colours, and the scale; a distance runs the other way.
const scaleOf = name =>
  name === "procrustes" ? { low: 0, high: Math.PI / 2, unit: " (radians)" } : { low: 0, high: 1, unit: "" };

export async function show(root) {
  const names = [...withTopic("similarity"), ...pairs()];
  if (!names.length) {
    root.append(h("p", { class: "empty" }, "Nothing to show yet: no network has been through the stage similarity."));
    return null;
  }
  const name = state.get("network", names, names[0]),
    data = await (pairs().includes(name) ? pair(name) : topic("similarity", name));
  const epoch = slider("epoch", "epoch", data.epochs, { play: true });
  const labels = names.map(one => [one, one.replace("--", " against ")]);
  root.append(
    controls(
      select("network", "network", labels, name),
      select(
        "measure",
        "measure",
        data.measures.map(one => [one, measureText(one)]),
        preferred(data),
      ),
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
    measure: state.get("measure", data.measures, preferred(data)),
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

const preferred = data => (data.measures.includes("debiased_cka") ? "debiased_cka" : data.measures[0]);

function cell(data, { measure, epoch }, i, j) {
  const place = (data.epochs.indexOf(epoch) * data.rows.length + i) * data.columns.length + j;
  return [data.arrays[`between/${measure}`][place], data.arrays.q_value[place]];
}

function drawMap(map, data, now) {
  const { rows, columns } = data,
    { low, high, unit } = scaleOf(now.measure),
    all = rows.flatMap((_, i) => columns.map((_, j) => cell(data, now, i, j)));
  const scale =
    now.measure === "procrustes"
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
  all.forEach(([, q], i) => {
    if (q > now.limit) pixels[i] = missing;
  });
  map.draw({
    pixels,
    rows: rows.length,
    columns: columns.length,
    xs: cells(columns, data.networks?.[1]),
    ys: cells(rows, data.networks?.[0]),
    side: 500,
    bar: { low, high, stops: scale.stops, title: measureText(now.measure) + unit },
    texts: all.map(([value]) => (Number.isFinite(value) ? value.toFixed(2) : "×")),
  });
  map.say(
    `${measureText(now.measure)}, epoch ${now.epoch}`,
    `${data.samples} test images; ×: undefined. ${data.stored > data.epochs.length ? `${data.epochs.length} of ${data.stored} epochs are kept. ` : ""}${now.measure === "procrustes" ? "A distance: 0 is the same up to rotation and scale. " : "1 is the same up to what the measure ignores. "}` +
      (now.limit < 1
        ? "Grey: by the permutation null of debiased CKA (Benjamini and Hochberg) no more than chance."
        : "No cell is greyed."),
  );
}

function describe(data, now, i, j) {
  const [value, q] = cell(data, now, i, j);
  return `${data.rows[i]} with ${data.columns[j]}: ${number(value)}${Number.isFinite(q) ? `; false-discovery rate ${number(q)}` : ""}`;
}

function drawSettling(one, data, now) {
  const values = data.arrays[`across/${now.measure}`],
    count = data.compared.length;
  const traces = data.rows
    .map((layer, l) => ({
      x: data.compared,
      y: Array.from(values.subarray(l * count, (l + 1) * count)),
      name: plain(layer),
      mode: "lines+markers",
      line: { color: onPage(data.colours[l]), dash: layer.startsWith("squeeze") ? "dash" : "solid" },
      hovertemplate: `${plain(layer)}: %{y:.4~g}<extra>epoch %{x}</extra>`,
    }))
    .filter((_, l) => data.rows[l] !== "input")
    .map((trace, i, all) => ({ ...trace, showlegend: named(i, all.length) }));
  one.draw(traces, {
    xaxis: { title: { text: "epoch" } },
    yaxis: {
      title: { text: `${measureText(now.measure)}${scaleOf(now.measure).unit} with the last epoch` },
      autorange: now.measure === "procrustes" ? "reversed" : true,
    },
  });
}

function table(data, now) {
  const rows = data.rows.flatMap((a, i) => data.columns.map((b, j) => [now.epoch, a, b, ...cell(data, now, i, j)]));
  return { columns: ["epoch", "layer", "layer", now.measure, "false_discovery_rate"], rows };
}
