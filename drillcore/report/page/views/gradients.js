// What the optimiser does to every weight, at any threshold: computed here, from the counts of the recorder.

import { onPage } from "colours";
import { choice, select, slider } from "controls";
import { titleOf, topic } from "data";
import { h, number, once, percent, themed } from "dom";
import { chart, logAxis, shareTicks } from "figures";
import * as state from "state";
import { nearText } from "views/grain";
import { chooseNetwork, controls } from "views/shared";
import { showSigns } from "views/signs";

export const title = "Gradients";
export const intro =
  "Which gradients are near zero at each step of the training, how many stay so or leave, and how many of those that stay change their sign. Move the threshold: everything is counted anew from what was recorded, without training again.";

const KINDS = [
    ["raw", "raw"],
    ["ema", "averaged"],
  ],
  ALL = "all layers";
const UNITS = [
  ["count", "parameters"],
  ["share", "shares"],
];

export async function show(root) {
  const { name, control } = chooseNetwork(root, "gradients", "train");
  if (!name) return;
  const data = await topic("gradients", name),
    { edges, layers } = data;
  if (!data.recorded) {
    const text = `No step of a training was recorded of ${titleOf(name)}: it came trained, or has not taken a second step yet.`;
    root.append(controls(control), h("p", { class: "empty" }, text));
    return null;
  }
  const threshold = slider("threshold", "near zero", edges, {
    format: edge => nearText(data, edge),
    fallback: data.first,
  });
  root.append(
    controls(
      control,
      select("layer", "layer", [ALL, ...layers]),
      choice("kind", "gradients", KINDS),
      choice("unit", "shown as", UNITS),
      threshold,
    ),
  );
  const grid = h("div", { class: "grid three" });
  root.append(grid);
  const nearZero = chart(grid, { id: "near-zero", title: "Near zero, retained, released" });
  const flips = chart(grid, { id: "flips", title: "Flips of the sign" });
  const moved = chart(grid, { id: "moved", title: "How far weights move" });
  const now = () => ({
    threshold: state.get("threshold", edges, data.first),
    layer: layers.indexOf(state.get("layer", layers, ALL)),
    kind: state.get("kind", ["raw", "ema"], "raw"),
    share: state.get("unit", ["count", "share"], "count") === "share",
  });
  const update = () => drawAll({ nearZero, flips, moved }, data, now());
  update();
  const signs = await showSigns(root, name);
  const later = once(update);
  return {
    update: keys => {
      if (!keys.every(key => SIGN_KEYS.includes(key))) later();
      signs?.update();
    },
    step: threshold.step,
    again: () => {
      update();
      signs?.again();
    },
  };
}

const SIGN_KEYS = ["zoom", "palette"];

// The statistics by step at a threshold, summed over one layer or, at -1, all: see drillcore/report/gradients.py.
export function statistics(data, { threshold, layer, kind }) {
  const { arrays, edges, layers } = data,
    chosen = layer < 0 ? layers.map((_, i) => i) : [layer];
  const sum = (name, part = value => value) => {
    const values = arrays[`${kind}/${name}`],
      steps = values.shape.at(-1),
      first = values.shape.length === 3 ? edges.indexOf(threshold) * layers.length : 0,
      total = new Float64Array(steps);
    for (const one of chosen)
      for (let step = 0; step < steps; step++) total[step] += part(values[(first + one) * steps + step]);
    return total;
  };
  const norm = name => sum(name, value => value * value).map(Math.sqrt);
  const counts = ["counted", "exact_zeros", "zeros", "retained", "released", "flips", "minima", "maxima"];
  const found = Object.fromEntries(counts.map(name => [name, sum(name)]));
  const before = found.retained.map((value, step) => value + found.released[step]);
  if (`${kind}/null_flips` in arrays) {
    const minima = sum("null_minima"),
      flips = sum("null_flips");
    Object.assign(found, { null_minima: minima, null_flips: flips });
    // Not Float64Array, for null is no number: before the averages' null begins, nothing is drawn.
    found.chance = Array.from(minima, (value, step) =>
      flips[step] ? (value / flips[step]) * (found.minima[step] + found.maxima[step]) : null,
    );
  }
  return { ...found, before, moved: norm("weight_change"), moved_all: norm("moved") };
}

const TEXTS = {
  zeros: "near zero",
  exact_zeros: "exactly zero",
  retained: "retained",
  released: "released",
  flips: "all flips",
  minima: "minima stepped over",
  maxima: "maxima stepped over",
  chance: "minima by chance alone",
  moved: "retained",
  moved_all: "all parameters",
};

const DOT = 4,
  LOGARITHMIC = ["moved", "moved_all"]; // whose axis has no 0
const DASHES = { exact_zeros: "dot", chance: "4px 3px" };
const CHANCE = {
  raw: " Dashed: minima by chance alone, of random signs; most flips of pure noise are minima too.",
  ema: " Dashed: minima by chance alone, of random signs, from when the averages' first gradient has faded.",
};

function drawAll(charts, data, now) {
  const found = statistics(data, now),
    step = Array.from(data.arrays.step);
  const colour = { ...data.series, chance: themed("--ink"), moved: data.series.retained, moved_all: data.series.flips };
  const trace = (key, whole) => {
    const shown = (value, i) => (whole && value !== null ? (whole[i] ? value / whole[i] : null) : value),
      y = Array.from(found[key], (value, i) => (LOGARITHMIC.includes(key) && !(value > 0) ? null : shown(value, i))),
      dots = y.map((_, i) => (Number.isFinite(y[i]) && !Number.isFinite(y[i - 1]) && !Number.isFinite(y[i + 1]) ? DOT : 0));
    return {
      x: step,
      y,
      name: TEXTS[key],
      mode: dots.some(Boolean) ? "lines+markers" : "lines", // a line does not show a step between two without a value
      marker: { size: dots },
      line: { color: onPage(colour[key]), width: key === "chance" ? 1.2 : 1.6, dash: DASHES[key] ?? "solid" },
      hovertemplate: `%{y:,.6~g} ${TEXTS[key]}<extra>step %{x}</extra>`,
    };
  };
  const shapes = epochLines(data.starts);
  const axes = (text, more = {}) => ({
    shapes,
    xaxis: { title: { text: shapes.length ? "step (vertical lines: epochs)" : "step" } },
    yaxis: { title: { text }, rangemode: "tozero", ...more },
  });
  const near = nearText(data, now.threshold),
    of = `${now.layer < 0 ? ALL : data.layers[now.layer]}, ${Object.fromEntries(KINDS)[now.kind]}`;
  const some =
    data.recorded > step.length
      ? ` Of ${number(data.recorded)} recorded steps, ${number(step.length)} evenly spread.`
      : "";
  const lastEpoch = ofLastEpoch(found, data.arrays.epoch);
  const shareOf = whole => (now.share ? whole : null);
  const shares = traces => (now.share ? shareTicks(traces.flatMap(one => one.y)) : {});
  const nearZero = [
    ...["zeros", "retained", "exact_zeros"].map(key => trace(key, shareOf(found.counted))),
    trace("released", shareOf(found.before)),
  ];
  charts.nearZero.draw(nearZero, axes(now.share ? "share" : "parameters", shares(nearZero)));
  charts.nearZero.say(
    "Near zero, retained, released",
    `${near}, ${of}. ` +
      (now.share
        ? "Released as a share of those near zero at the step before, the others of all parameters."
        : "Retained: near zero before and now. Released: near zero before, but not now.") +
      lastEpoch.nearZero +
      some,
  );
  const flipped = ["flips", "minima", "maxima", ...(found.chance ? ["chance"] : [])].map(key => trace(key, shareOf(found.retained)));
  charts.flips.draw(flipped, axes(now.share ? "share of the retained" : "parameters", shares(flipped)));
  charts.flips.say(
    "Flips among the retained",
    `${near}, ${of}. Gradients that stay near zero and change sign: over a minimum if weight and gradient moved the same way, else over a maximum.${lastEpoch.flips}${found.chance ? CHANCE[now.kind] : ""}${some}`,
  );
  charts.moved.draw(
    ["moved_all", "moved"].map(key => trace(key)),
    axes("norm of the weights' change", {
      rangemode: "normal",
      ...logAxis([...found.moved_all, ...found.moved]),
    }),
  );
  charts.moved.say(
    "How far weights move",
    `${near}, ${of}. The norm of the change of the weights: all, and those whose gradient was retained near zero.`,
  );
}

// What the shares are over all steps that are shown of the last epoch, as the captions say it.
function ofLastEpoch(found, epoch) {
  const last = epoch.at(-1),
    sum = name => found[name].reduce((total, value, step) => total + (epoch[step] === last ? value : 0), 0),
    share = (part, whole) => (whole ? percent(part / whole) : "none");
  const counted = sum("counted"),
    turned = sum("minima") + sum("maxima"),
    chance = found.chance && sum("null_flips") ? `, by chance ${share(sum("null_minima"), sum("null_flips"))}` : "";
  return {
    nearZero: ` Over epoch ${last}: ${share(sum("zeros"), counted)} near zero, ${share(sum("exact_zeros"), counted)} exactly zero; of those near zero ${share(sum("released"), sum("before"))} are released.`,
    flips: ` Over epoch ${last}, ${share(sum("minima"), turned)} of these are minima${chance}.`,
  };
}

// A line where an epoch begins, unless there are too many.
function epochLines(starts) {
  if (starts.length > 20) return [];
  return starts.map(x => ({
    type: "line",
    x0: x,
    x1: x,
    yref: "paper",
    y0: 0,
    y1: 1,
    line: { color: themed("--line"), width: 1 },
    layer: "below",
  }));
}
