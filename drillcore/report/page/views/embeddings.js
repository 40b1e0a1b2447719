// Every layer as a map of the same images: point at one, and it is marked in all of them.

import { choice } from "controls";
import { titleOf, topic } from "data";
import { h, number, percent, plain, themed } from "dom";
import { chart } from "figures";
import * as state from "state";
import { chooseNetwork, controls, dotLine, picture } from "views/shared";
import { inWords } from "words";

export const title = "Embeddings";
export const intro =
  "Every layer of the last epoch in two dimensions, each point a sample of the test set. Point at one to see it and to find it in all layers; click to keep it, step through them with the arrow keys. Classes that drift apart from layer to layer are what the network learns to tell apart.";

const KINDS = [
  ["embedding", "t-SNE"],
  ["pca", "PCA"],
];
const COLOURS = [
    ["label", "label"],
    ["prediction", "prediction"],
  ],
  OF_NUMBERS = [
    ["label", "target"],
    ["prediction", "prediction"],
  ],
  OF_TOKENS = [
    ["label", "next token"],
    ["prediction", "predicted token"],
  ],
  OF_ERRORS = [["label", "squared error"]],
  SHOWN = [
    ["all", "all images"],
    ["wrong", "misclassified only"],
  ];
const LEAST = 250,
  MOST = 460,
  GAP = 14,
  HEAD = 46,
  EDGE = 8,
  UNKNOWN = -1,
  MOST_CLASSES = 20,
  BAR = 80;

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

// Whether the network tells classes, so that predictions are right or wrong; and whether there are predictions to colour by.
const judges = probe => probe.classified && probe.classes.length > 0;
const predicts = probe =>
  judges(probe) || probe.arrays.returned !== undefined || probe.arrays.predicted_group !== undefined;
const coloursOf = ({ arrays, groups }) =>
  arrays.targets ? OF_NUMBERS : groups ? OF_TOKENS : arrays.error ? OF_ERRORS : COLOURS;

// What samples are coloured by where it is a number: the target, or the error of what was made again.
const numbersOf = ({ arrays }) => arrays.targets ?? arrays.error;

// What samples are coloured by where it is no number: the names and colours of the groups, and the group of each sample by
// its label and by what the network predicts. Of a text they are the most frequent of the next tokens.
function groupsOf({ probe, data }) {
  const { labels, next_group, predicted_group } = probe.arrays;
  if (probe.groups) return { ...probe.groups, label: next_group, prediction: predicted_group ?? next_group };
  const prediction = judges(probe) ? data.arrays.predictions : labels;
  return { names: probe.classes, colours: probe.colours, label: labels, prediction };
}

function wrongOnes({ arrays }, probe) {
  return Array.from(arrays.predictions.keys()).filter(
    i => arrays.predictions[i] !== UNKNOWN && arrays.predictions[i] !== probe.arrays.labels[i],
  );
}

const groupName = ({ names }, label) => (label === UNKNOWN ? "unknown" : (names[label] ?? String(label)));
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

// Room for a legend of so many classes, in pixels.
function legendHeight(names, entries, width) {
  if (!names.length) return 0;
  const longest = Math.max(...names.map(name => name.length));
  return Math.max(60, 30 + 19 * Math.ceil((entries * (7 * longest + 40)) / width));
}

const groupColour = ({ colours }, label) => (label === UNKNOWN ? "#8c8c8c" : colours[label]);

// Many classes share a trace in every layer, and these have the legend's entries of the first of those that are shown.
function classKey(groups, labels) {
  const more = { name: `and ${labels.length - MOST_CLASSES} more`, marker: { color: "#0000" } };
  const entries = labels
    .slice(0, MOST_CLASSES)
    .map(label => ({ name: plain(groupName(groups, label)), marker: { color: groupColour(groups, label) } }));
  return [...entries, more].map((entry, i) => ({
    x: [null],
    y: [null],
    mode: "markers",
    type: "scatter",
    legendgroup: `key ${i}`,
    ...entry,
  }));
}

// The colours of numbers, the same in every layer, with one bar for all.
const numberColours = (scale, numbers, members, title) => ({
  color: members.map(i => numbers[i]),
  cmin: Math.min(...scale.filter(Number.isFinite)),
  cmax: Math.max(...scale.filter(Number.isFinite)),
  colorscale: "Viridis",
  line: dotLine(),
  showscale: title !== undefined,
  colorbar: { title: { text: title?.replace(" ", "<br>") }, thickness: 10, len: 0.4, x: 1, xanchor: "right", y: 1, yanchor: "top" },
});

function classTraces(scene, of, shown, group, points, l, count, suffix) {
  const scale = numbersOf(scene.probe),
    { returned } = scene.probe.arrays,
    numbers = scene.colour === "prediction" && returned ? returned : scale;
  const groups = [...new Set(group)].sort((a, b) => a - b),
    many = groups.length > MOST_CLASSES;
  return (many ? [null] : groups).map(label => {
    const members = many ? shown : shown.filter(i => group[i] === label),
      at = k => members.map(i => points[(l * count + i) * 2 + k]);
    return {
      x: at(0),
      y: at(1),
      customdata: members,
      xaxis: `x${suffix}`,
      yaxis: `y${suffix}`,
      mode: "markers",
      type: "scatter",
      hoverinfo: "none",
      zorder: scene.probe.groups ? -label : 0, // the many that have no colour of theirs lie below
      name: many || !of.names.length ? "" : plain(groupName(of, label)),
      legendgroup: String(label),
      showlegend: l === 0 && !many && of.names.length > 0,
      marker: {
        size: 5.5,
        color: many ? members.map(i => groupColour(of, group[i])) : groupColour(of, label),
        opacity: 0.9,
        ...(scale && numberColours(scale, numbers, members, l ? undefined : coloursOf(scene.probe)[0][1])),
      },
    };
  });
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
