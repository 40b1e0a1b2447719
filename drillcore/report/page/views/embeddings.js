// Every layer as a map of the same images: point at one, and it is marked in all of them.

import { choice } from "controls";
import { titleOf, topic } from "data";
import { h, number, percent, plain, themed } from "dom";
import { chart } from "figures";
import * as state from "state";
import {
  MOST_CLASSES,
  UNKNOWN,
  classKey,
  classTraces,
  coloursOf,
  groupName,
  groupsOf,
  judges,
  legendHeight,
  numbersOf,
  predicts,
} from "views/embedding_colours";
import { chooseNetwork, controls, picture } from "views/shared";
import { inWords } from "words";

export const title = "Embeddings";
export const intro =
  "Every layer of the last epoch in two dimensions, each point a sample of the test set. Point at one to see it and to find it in all layers; click to keep it, step through them with the arrow keys. Classes that drift apart from layer to layer are what the network learns to tell apart.";

const KINDS = [
  ["embedding", "t-SNE"],
  ["pca", "PCA"],
];
const SHOWN = [
  ["all", "all images"],
  ["wrong", "misclassified only"],
];
const LEAST = 250,
  MOST = 460,
  GAP = 14,
  HEAD = 46,
  EDGE = 8,
  BAR = 90;

export async function show(root) {
  const { name, control } = chooseNetwork(root, "maps", "tsne", "embeddings");
  if (!name) return;
  const data = await topic("maps", name),
    probe = await topic("probe", name);
  const scene = { data, probe, name, wrong: wrongOnes(data, probe), rings: [], boxes: [] };
  root.append(
    controls(
      control,
      choice("map", "map", KINDS),
      predicts(probe) && choice("colour", "coloured by", coloursOf(probe)),
      judges(probe) && choice("shown", "shown", SHOWN.map(one => one.map(inWords))),
    ),
  );
  const grid = h("div", { class: "grid" });
  root.append(grid);
  const sample = samplePanel(grid, scene);
  const maps = chart(grid, { id: "maps", title: "Layers side by side", full: true });
  if (judges(probe)) grid.append(wrongPanel(scene));
  maps.table = () => mapTable(scene);
  const mark = position => {
    sample(position);
    ring(scene, maps.plot, position);
  };
  const pinned = () => {
    const position = Number(state.raw("sample") ?? 0);
    return Number.isInteger(position) && position >= 0 && position < probe.arrays.labels.length ? position : 0;
  };
  const update = () => {
    drawMaps(maps, scene, mark);
    mark(pinned());
    press(root, pinned());
  };
  update();
  maps.plot.on("plotly_unhover", () => mark(pinned()));
  return {
    update: keys => (keys.every(key => key === "sample") ? (mark(pinned()), press(root, pinned())) : update()),
    again: update,
    step: by => state.set({ sample: (pinned() + by + probe.arrays.labels.length) % probe.arrays.labels.length }),
  };
}

function wrongOnes({ arrays }, probe) {
  return Array.from(arrays.predictions.keys()).filter(
    i => arrays.predictions[i] !== UNKNOWN && arrays.predictions[i] !== probe.arrays.labels[i],
  );
}

const className = ({ probe }, label) => groupName({ names: probe.classes }, label);

function sayOf(scene, position) {
  const { probe, data } = scene;
  const { sample, position: token, targets, returned, labels, error } = probe.arrays,
    predicted = data.arrays.predictions[position];
  const facts = [
    targets && `target ${number(targets[position])}`,
    returned && `predicted ${number(returned[position])}`,
    probe.next && `next ${quoted(probe.next[position])}`,
    probe.predicted && `predicted ${quoted(probe.predicted[position])}`,
    probe.classes.length > 0 && `label ${className(scene, labels[position])}`,
    judges(probe) && `predicted ${className(scene, predicted)}`,
    madeAgain(probe) && "beside it as the network made it again",
    error && `squared error ${number(error[position])}`,
  ].filter(Boolean);
  const one = `${inWords(`test image ${sample[position]}`)}${token ? `, token ${token[position]}` : ""}`;
  return facts.length ? `${one}: ${facts.join(", ")}` : one;
}

const quoted = token => (token === null ? "none" : `“${token}”`);

// The sample as the network made it again, where it is stored.
const madeAgain = ({ again, rows, arrays }) =>
  again || arrays.again_images ? { texts: again, rows, arrays: { images: arrays.again_images } } : null;

function samplePanel(grid, scene) {
  const holder = h("div", { class: "pair" }),
    text = h("output", { id: "sample-text" });
  grid.append(h("section", { class: "panel full sample" }, holder, text));
  return position => {
    const again = madeAgain(scene.probe);
    holder.replaceChildren(picture(scene.probe, position, 72), again ? picture(again, position, 72) : "");
    text.textContent = sayOf(scene, position);
  };
}

function wrongPanel(scene) {
  const known = scene.data.arrays.predictions.some(value => value !== UNKNOWN),
    count = scene.data.arrays.predictions.length;
  const head = known
    ? `Misclassified: ${scene.wrong.length} of ${count}`
    : "Predictions are unknown: the network's output layer was not stored";
  const thumbs = scene.wrong.map(position =>
    h(
      "button",
      {
        type: "button",
        "data-sample": position,
        "aria-label": sayOf(scene, position),
        title: sayOf(scene, position),
        onclick: () => state.set({ sample: position }),
      },
      picture(scene.probe, position, 42),
    ),
  );
  return h(
    "section",
    { class: "panel full", id: "misclassified" },
    h("h3", {}, head),
    h("div", { class: "thumbs" }, thumbs),
  );
}

function press(root, position) {
  root
    .querySelectorAll(".thumbs button")
    .forEach(button => button.setAttribute("aria-pressed", String(Number(button.dataset.sample) === position)));
}

// Where each layer's map lies in the figure, in pixels from its upper left corner.
function arrange(width, count) {
  const down = Math.ceil(count / Math.max(1, Math.floor(width / LEAST))),
    across = Math.ceil(count / down);
  const side = Math.min(MOST, (width - GAP * (across - 1)) / across);
  const boxes = Array.from({ length: count }, (_, i) => ({
    left: (i % across) * (side + GAP),
    top: Math.floor(i / across) * (side + HEAD) + HEAD,
    side,
  }));
  return { boxes, height: down * (side + HEAD) + EDGE };
}

// The square that holds all points of a layer, so that distances are the same along both axes.
function square(values, position, count) {
  const low = [Infinity, Infinity],
    high = [-Infinity, -Infinity];
  for (let i = 0; i < count; i++)
    for (const k of [0, 1]) {
      const value = values[(position * count + i) * 2 + k];
      if (Number.isFinite(value)) {
        low[k] = Math.min(low[k], value);
        high[k] = Math.max(high[k], value);
      }
    }
  const half = 0.54 * Math.max(high[0] - low[0], high[1] - low[1], 1e-9);
  return [0, 1].map(k => {
    const middle = Number.isFinite(low[k]) ? (low[k] + high[k]) / 2 : 0;
    return [middle - half, middle + half];
  });
}

function drawMaps(maps, scene, mark) {
  const { data, probe } = scene,
    count = probe.arrays.labels.length,
    layers = data.layers;
  const kind = state.get("map", ["embedding", "pca"], "embedding"),
    points = data.arrays[kind],
    width = maps.plot.clientWidth;
  const colours = Object.fromEntries(coloursOf(probe)),
    colour = state.get("colour", Object.keys(colours), "label"),
    only = judges(probe) && state.get("shown", ["all", "wrong"], "all") === "wrong";
  const groups = groupsOf(scene),
    group = groups[colour],
    shown = only ? scene.wrong : Array.from({ length: count }, (_, i) => i);
  scene.colour = colour;
  const { boxes, height } = arrange(width - (numbersOf(probe) ? BAR : 0), layers.length),
    traces = [],
    layout = { annotations: [], plot_bgcolor: themed("--page") };
  layers.forEach((layer, l) => {
    const suffix = l ? l + 1 : "",
      { left, top, side } = boxes[l],
      ranges = square(points, l, count),
      span = [left / width, (left + side) / width];
    boxes[l].ranges = ranges;
    const axis = {
      showgrid: false,
      zeroline: false,
      showticklabels: false,
      ticks: "",
      fixedrange: true,
      showline: false,
      automargin: false,
    };
    layout[`xaxis${suffix}`] = { ...axis, domain: span, range: ranges[0], anchor: `y${suffix}` };
    layout[`yaxis${suffix}`] = {
      ...axis,
      domain: [1 - (top + side) / height, 1 - top / height],
      range: ranges[1],
      anchor: `x${suffix}`,
    };
    layout.annotations.push(...captions(scene, l, kind, boxes[l], { width, height }));
    traces.push(...classTraces(scene, groups, shown, group, points, l, count, suffix));
  });
  const classes = groups.names.length ? new Set(group).size : 0;
  if (classes > MOST_CLASSES) traces.push(...classKey(groups, [...new Set(group)].sort((a, b) => a - b)));
  const below = legendHeight(groups.names, Math.min(classes, MOST_CLASSES), width);
  Object.assign(scene, { boxes, points });
  maps.draw(traces, {
    ...layout,
    width,
    height: height + below,
    margin: { l: 0, r: 0, t: 0, b: below },
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, itemsizing: "constant" },
  });
  const some =
    (data.all > count ? ` The first ${count} of ${data.all} embedded.` : "") +
    (data.all_layers > layers.length ? ` ${layers.length} of ${data.all_layers} layers, evenly chosen.` : "");
  maps.say(
    `${titleOf(scene.name)}, epoch ${data.epoch}: ${data.all_layers > layers.length ? "layers" : "every layer"} by ${kind === "pca" ? "PCA" : drawnBy(data)}`,
    `${shown.length} ${only ? "misclassified " : ""}${ofWhat(probe)}${numbersOf(probe) || groups.names.length ? `, coloured by ${colours[colour]}` : ""}.${aboutMaps(data, kind)}${some}`,
  );
  maps.plot.removeAllListeners?.("plotly_hover");
  maps.plot.removeAllListeners?.("plotly_click");
  maps.plot.on("plotly_hover", event => mark(event.points[0].customdata));
  maps.plot.on("plotly_click", event => state.set({ sample: event.points[0].customdata }));
}

const ofWhat = ({ arrays }) => (arrays.position ? "tokens of test images" : "test images");

// What the maps are, of which some may be no t-SNE.
const drawnBy = ({ status }) => {
  const found = [...new Set(status.map(one => one.split(":")[0]))].filter(one => one !== "none");
  return found.join(" or ") || "t-SNE";
};

// How to read the maps that are shown.
function aboutMaps({ status }, kind) {
  if (kind === "pca") return " The first two principal components of each layer.";
  const tsne = status.includes("t-SNE")
    ? " Distances between far clusters mean little in t-SNE; trust says how far neighbours in the map were neighbours in the layer (trustworthiness, at most 1), the other number how many of an image's nearest neighbours in the layer are so in the map (neighbour recall)."
    : "";
  return tsne + (status.some(one => one.startsWith("coordinates")) ? " A layer without a map shows its own coordinates." : "");
}

function captions({ data }, l, kind, { left, top, side }, { width, height }) {
  const status = data.status[l],
    faithful = `trust ${number(data.trustworthiness[l])}, neighbours kept ${percent(data.neighbor_recall[l])}`;
  const under = kind === "pca" ? "principal components" : status === "t-SNE" ? faithful : status;
  const text = (words, above, size, color) => ({
    text: words,
    x: left / width,
    y: 1 - (top - above) / height,
    xref: "paper",
    yref: "paper",
    xanchor: "left",
    yanchor: "bottom",
    showarrow: false,
    align: "left",
    font: { size, color },
  });
  const missing = kind === "embedding" && status.startsWith("none");
  return [
    text(`<b>${plain(data.layers[l])}</b>`, 18, 12.5, data.colours[l] === "#333333" ? themed("--ink") : undefined),
    text(plain(under), 2, 10.5, themed("--soft")),
    ...(missing
      ? [
          {
            text: "no map",
            x: (left + side / 2) / width,
            y: 1 - (top + side / 2) / height,
            xref: "paper",
            yref: "paper",
            showarrow: false,
          },
        ]
      : []),
  ];
}

// A ring around one sample in every layer's map.
function ring(scene, plot, position) {
  const count = scene.probe.arrays.labels.length;
  while (scene.rings.length < scene.boxes.length) scene.rings.push(h("div", { class: "ring" }));
  scene.boxes.forEach(({ left, top, side, ranges }, l) => {
    const [x, y] = [0, 1].map(
      k => (scene.points[(l * count + position) * 2 + k] - ranges[k][0]) / (ranges[k][1] - ranges[k][0]),
    );
    const mark = scene.rings[l];
    mark.hidden = !Number.isFinite(x + y);
    mark.style.left = `${left + x * side}px`;
    mark.style.top = `${top + (1 - y) * side}px`;
    if (mark.parentElement !== plot) plot.append(mark);
  });
}

function mapTable(scene) {
  const { data, probe } = scene,
    count = probe.arrays.labels.length,
    { targets, returned, position, labels, error } = probe.arrays;
  const wanted = i => (targets ? targets[i] : probe.next ? probe.next[i] : className(scene, labels[i])),
    predicted = i =>
      targets ? (returned?.[i] ?? null) : probe.next ? probe.predicted?.[i] : className(scene, data.arrays.predictions[i]);
  const rows = data.layers.flatMap((layer, l) =>
    Array.from({ length: count }, (_, i) => [
      layer,
      probe.arrays.sample[i],
      ...(position ? [position[i]] : []),
      wanted(i),
      predicted(i),
      ...(error ? [error[i]] : []),
      scene.points[(l * count + i) * 2],
      scene.points[(l * count + i) * 2 + 1],
    ]),
  );
  const columns = ["layer", "test_image", ...(position ? ["token"] : []), "label", "prediction", ...(error ? ["squared_error"] : [])];
  return { columns: [...columns, "x", "y"], rows };
}
