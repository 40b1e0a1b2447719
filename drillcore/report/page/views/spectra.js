// How many directions features and weights use: their singular values, by layer, epoch and network.

import { onPage } from "colours";
import { checks, choice, select, slider } from "controls";
import { effectiveRanks, layerLook, network, networks, studied, titleOf, topic, withTopic, wordsOf } from "data";
import { h, once, plain, unplain } from "dom";
import { chart, logAxis } from "figures";
import * as state from "state";
import { controls, epochAxis, epochMark, layerTrace, nearest } from "views/shared";
import { speakOf } from "words";

export const title = "Spectra";
export const intro =
  "Singular values of every layer's features (centred, over the test images) and of every weight matrix. A spectrum that falls steeply uses few directions; the effective rank says about how many: of the singular values as Roy and Vetterli define it, or of the variances, their squares, which weighs the large directions more. Tick several networks to lay them over each other.";

const PARTS = [
    ["features", "features"],
    ["weights", "weights"],
  ],
  EVERY = "every layer";
const SCALES = [
    ["log", "logarithmic"],
    ["linear", "linear"],
  ],
  SIZES = [
    ["share", "share of the largest"],
    ["value", "value"],
  ];
const SMALLEST = 1e-6;
const WIDTHS_TITLE = "Effective rank against the width of the squeeze",
  WIDTHS =
    "Features of each layer at the last epoch, after its activation; networks with a squeeze that differ in nothing but its width are joined. Dotted: rank = width, which a layer behind a squeeze cannot exceed before its activation. Of several seeds, means with 95 % t intervals.";

const rankText = rank => Object.fromEntries(effectiveRanks())[rank];

export async function show(root) {
  const names = withTopic("spectra");
  if (!names.length) {
    root.append(h("p", { class: "empty" }, "Nothing to show yet: no network has been through the stage svd."));
    return null;
  }
  const all = Object.fromEntries(await Promise.all(names.map(async name => [name, await topic("spectra", name)])));
  const first = state.get("network", names, studied("spectra", names));
  const bar = controls(),
    grid = h("div", { class: "grid" });
  root.append(bar, grid);
  const charts = {
    spectra: chart(grid, { id: "spectra", title: "Singular values", height: 440 }),
    ranks: chart(grid, {
      id: "ranks",
      title: "Effective rank by epoch",
      note: "exp of the entropy of each direction's share: of the sum of the singular values (Roy and Vetterli), or of the variance. As many equal directions would spread it as widely.",
      height: 440,
    }),
    widths: chart(grid, {
      id: "rank-by-width",
      title: WIDTHS_TITLE,
      full: true,
      note: WIDTHS,
    }),
  };
  const now = () => chosen(all, names, first);
  let epoch;
  function arrange() {
    const { epochs, layers, ticked } = now();
    speakOf(...wordsOf(ticked));
    const { key, value = document.activeElement.value } = document.activeElement.dataset;
    epoch = slider("epoch", "epoch", epochs, { play: true });
    bar.replaceChildren(
      checks("networks", "networks", names, ticked, name => network(name).colour, titleOf),
      choice("part", "of", PARTS),
      select("layer", "layer", [EVERY, ...layers], EVERY),
      choice("scale", "scale", SCALES),
      choice("size", "shown as", SIZES),
      choice("rank", "effective rank", effectiveRanks()),
      epoch,
    );
    [...bar.querySelectorAll(`[data-key=${key}]`)].find(one => (one.dataset.value ?? one.value) === value)?.focus();
  }
  const draw = () => {
    const chosen = now();
    drawSpectra(charts.spectra, all, chosen);
    drawRanks(charts.ranks, all, chosen);
    drawWidths(charts.widths, chosen);
  };
  const later = once(draw);
  arrange();
  draw();
  return {
    update: keys => {
      if (keys.some(key => ["part", "networks"].includes(key))) arrange();
      later();
    },
    step: by => epoch.step(by),
    again: draw,
  };
}

function chosen(all, names, first) {
  const part = state.get("part", ["features", "weights"], "features");
  const wanted = (state.raw("networks") ?? first).split(","),
    ticked = names.filter(name => wanted.includes(name));
  const epochs = [...new Set(ticked.flatMap(name => all[name][part].epochs))].sort((a, b) => a - b);
  const layers = [...new Set(ticked.flatMap(name => all[name][part].names))];
  return {
    part,
    ticked,
    layers,
    epochs: epochs.length ? epochs : [0],
    layer: state.get("layer", layers, EVERY),
    epoch: state.get("epoch", epochs, epochs.at(-1)),
    log: state.get("scale", ["log", "linear"], "log") === "log",
    share: state.get("size", ["share", "value"], "share") === "share",
    rank: state.get("rank", effectiveRanks().map(([key]) => key), effectiveRanks()[0][0]),
  };
}

// For every network and layer that is looked at: its name, block, colour and position in the block.
function shown(all, { part, ticked, layer }) {
  return ticked.flatMap(name => {
    const of = all[name][part];
    return of.names
      .map((one, position) => ({
        network: name,
        layer: one,
        position,
        epochs: of.epochs,
        arrays: all[name].arrays,
        look: of.looks[position],
      }))
      .filter(one => layer === EVERY || one.layer === layer);
  });
}

const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"],
  SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down"];

// Of several networks the colour tells the network, dashes and symbol the layer.
function line(one, { ticked, layer, layers }, i, lines, points) {
  if (ticked.length < 2) return { name: plain(one.layer), ...layerTrace(one.look, i, lines.length, points) };
  const at = layer === EVERY ? layers.indexOf(one.layer) : 0,
    symbol = SYMBOLS[Math.floor(at / DASHES.length) % SYMBOLS.length];
  const look = [network(one.network).colour, DASHES[at % DASHES.length], symbol];
  return { name: plain(`${titleOf(one.network)}: ${one.layer}`), ...layerTrace(look, i, lines.length, points) };
}

// The axis `of` the traces, "x" or "y", on the scale that is chosen.
const scaled = (now, traces, of) => (now.log ? logAxis(traces.flatMap(trace => trace[of])) : { type: "linear" });

function drawSpectra(one, all, now) {
  let cut = false,
    other = false;
  const traces = shown(all, now).map((each, i, lines) => {
    const values = each.arrays[`${now.part}/${each.position}`],
      count = values.shape[1],
      row = each.epochs.indexOf(nearest(each.epochs, now.epoch));
    other ||= each.epochs[row] !== now.epoch;
    const spectrum = Array.from(values.subarray(row * count, (row + 1) * count)),
      largest = now.share ? spectrum[0] : 1;
    const tiny = value => now.log && spectrum[0] > 0 && value <= SMALLEST * spectrum[0];
    cut ||= spectrum.some(tiny);
    const y = spectrum.map(value => (largest > 0 && !tiny(value) ? value / largest : null));
    return {
      x: y.map((_, i) => i + 1),
      y,
      ...line(each, now, i, lines, count),
      hovertemplate: "number %{x}: %{y:.4~g}<extra>%{fullData.name}</extra>",
    };
  });
  one.draw(traces, {
    xaxis: { ...scaled(now, traces, "x"), title: { text: "number of the singular value" } },
    yaxis: {
      ...scaled(now, traces, "y"),
      title: { text: now.share ? "singular value / largest" : "singular value" },
    },
  });
  const empty = traces.filter(trace => trace.y.every(value => value === null)).map(trace => unplain(trace.name));
  one.say(
    `Singular values of the ${now.part}, epoch ${now.epoch}`,
    [
      now.share ? "Each as a share of the largest of its layer." : "The values themselves.",
      cut && "Logarithmic: values of at most a millionth of the largest are left out.",
      empty.length && `Undefined, for no unit varies or not all outputs are finite: ${empty.join(", ")}.`,
      other && "What stored nothing at that epoch shows its nearest.",
    ]
      .filter(Boolean)
      .join(" "),
  );
}

function drawRanks(one, all, now) {
  const traces = shown(all, now).map((each, i, lines) => {
    const ranks = each.arrays[`${now.part}/${now.rank}`],
      names = ranks.shape[1];
    return {
      x: each.epochs,
      y: each.epochs.map((_, row) => ranks[row * names + each.position]),
      ...line(each, now, i, lines),
      hovertemplate: "epoch %{x}: %{y:.4~g}<extra>%{fullData.name}</extra>",
    };
  });
  one.draw(traces, {
    shapes: [epochMark(now.epoch)],
    xaxis: epochAxis(now.epochs),
    yaxis: { ...scaled(now, traces, "y"), title: { text: `effective rank, ${rankText(now.rank)}` } },
  });
  one.say(`Effective rank of the ${now.part} by epoch, ${rankText(now.rank)}`);
}

function drawWidths(one, { rank }) {
  const squeezed = networks()
    .filter(each => each.width && Object.keys(each.ranks).length)
    .sort((a, b) => a.width - b.width);
  const layers = [...new Set(squeezed.flatMap(each => Object.keys(each.ranks)))],
    families = [...new Set(squeezed.map(each => each.family))];
  const traces = layers
    .flatMap(layer =>
      families.map((family, i) => {
        const members = squeezed.filter(each => each.family === family && Number.isFinite(each.ranks[layer]?.[rank]));
        return {
          x: members.map(each => each.width),
          y: members.map(each => each.ranks[layer][rank]),
          text: members.map(each => plain(each.title)),
          name: plain(layer),
          legendgroup: layer,
          showlegend: i === 0,
          mode: "lines+markers",
          marker: { size: 8, symbol: i ? "diamond" : "circle" },
          error_y: { array: members.map(each => each.halves?.[layer]?.[rank] ?? 0), thickness: 1.2, width: 4 },
          line: { color: onPage(layerLook(layer)[0]), dash: layerLook(layer)[1] },
          hovertemplate: `%{text}, ${plain(layer)}: %{y:.4~g}<extra>width %{x}</extra>`,
        };
      }),
    )
    .filter(trace => trace.x.length);
  const widths = [...new Set(squeezed.map(each => each.width))];
  traces.push({
    x: widths,
    y: widths,
    mode: "lines",
    name: "rank = width",
    line: { color: "#8c8c8c", dash: "dot", width: 1 },
    hoverinfo: "skip",
    showinfile: false,
  });
  const others = squeezed.filter(each => each.family !== families[0]).map(each => `“${each.title}”`);
  const diamonds = others.length ? ` Diamonds, as they differ in more than the width: ${others.join(", ")}.` : "";
  one.say(WIDTHS_TITLE, squeezed.length ? WIDTHS + diamonds : "No network with a squeeze has been analysed yet.");
  one.draw(traces, {
    xaxis: { type: "log", tickvals: widths, title: { text: "width of the narrowest squeeze (units)" } },
    yaxis: { ...logAxis(traces.flatMap(trace => trace.y)), title: { text: `effective rank of the features, ${rankText(rank)}` } },
  });
}
