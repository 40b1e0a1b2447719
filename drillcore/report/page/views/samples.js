// How samples fared over the training: a map of them, a list to sort and filter, and the one that is looked at.

import { onPage } from "colours";
import { choice, select } from "controls";
import { titleOf, topic } from "data";
import { h, number, percent, plain, themed } from "dom";
import { chart } from "figures";
import * as state from "state";
import { chooseNetwork, controls, epochAxis, picture } from "views/shared";
import { inWords } from "words";

export const title = "Samples";
export const intro =
  "How surely the network gave each sample its label, from one stored epoch to the next. Samples that are right from the start are easy, those whose probability goes up and down are ambiguous, and those to which another class scores higher all along have a label that may be wrong. Click one to see it.";

const UNKNOWN = -1,
  MOST_LISTED = 60,
  SIZE = 56,
  SPLITS = [
    ["train", "training samples"],
    ["test", "test samples"],
  ];
// By order: what it is called, and how the numbers are sorted.
const ORDERS = {
  suspects: ["label likely wrong", of => of.area],
  variable: ["most variable", of => of.variability.map(value => -value)],
  forgotten: ["most often forgotten", of => of.forgetting.map(value => -value)],
  unsure: ["least confident", of => of.confidence],
  late: ["learned last", of => of.learned.map(value => (Number.isNaN(value) ? -Infinity : -value))],
};

export async function show(root) {
  const { name, control } = chooseNetwork(root, "samples", "activations");
  if (!name) return null;
  const data = await topic("samples", name),
    probe = await topic("probe", name);
  const scene = { name, data, probe };
  root.append(
    controls(
      control,
      choice("split", "of the", SPLITS),
      select("order", "sorted by", Object.entries(ORDERS).map(([key, [text]]) => [key, text])),
      select("class", "class", [["all", "all classes"], ...data.classes.map((one, i) => [i, one])]),
    ),
  );
  const grid = h("div", { class: "grid" });
  root.append(grid);
  const holder = h("div"),
    text = h("output", { id: "sample-text" }),
    link = h("a", { id: "to-embeddings" }, "Open in the embeddings");
  grid.append(h("section", { class: "panel full sample" }, holder, text, link));
  const map = chart(grid, { id: "sample-map", title: "Samples", height: 360 }),
    course = chart(grid, { id: "course", title: "The label's probability", height: 360 }),
    list = h("section", { class: "panel full", id: "ranked" });
  grid.append(list);
  map.table = () => table(scene);
  const update = () => {
    Object.assign(scene, chosen(scene));
    drawMap(map, scene);
    drawList(list, scene);
    look();
  };
  const look = () => {
    const position = pinned(scene);
    drawSample({ holder, text, link }, scene, position);
    drawCourse(course, scene, position);
    list
      .querySelectorAll("button")
      .forEach(button => button.setAttribute("aria-pressed", String(Number(button.dataset.sample) === position)));
  };
  update();
  map.plot.on("plotly_click", event => pin(scene, event.points[0].customdata));
  return {
    update: keys => (keys.every(key => key === "sample") ? look() : update()),
    again: update,
    step: by => {
      const at = scene.order.indexOf(pinned(scene));
      if (scene.order.length) pin(scene, scene.order[(at + by + scene.order.length) % scene.order.length]);
    },
  };
}

// What the controls choose: the split, its numbers, and the positions of the samples of a class, in their order.
function chosen({ data }) {
  const split = state.get("split", Object.keys(data.splits), "train"),
    key = state.get("order", Object.keys(ORDERS), "suspects"),
    label = state.get("class", ["all", ...data.classes.keys()], "all"),
    of = Object.fromEntries(
      Object.entries(data.arrays)
        .filter(([name]) => name.startsWith(`${split}/`))
        .map(([name, array]) => [name.slice(split.length + 1), array]),
    );
  const by = ORDERS[key][1](of),
    last = value => (Number.isNaN(value) ? Infinity : value);
  const order = [...of.sample.keys()]
    .filter(i => label === "all" || of.label[i] === label)
    .sort((a, b) => (last(by[a]) === last(by[b]) ? a - b : last(by[a]) < last(by[b]) ? -1 : 1));
  return { split, key, label, of, order };
}

// The position of the sample that is looked at; the address has its number.
function pinned({ of, order }) {
  const position = of.sample.indexOf(Number(state.raw("sample") ?? NaN));
  return order.includes(position) ? position : (order[0] ?? 0);
}

const pin = ({ of }, position) => state.set({ sample: of.sample[position] });

const className = ({ data }, label) => (label === UNKNOWN ? "unknown" : data.classes[label]);

function sayOf(scene, i) {
  const { of, split } = scene,
    forgotten = Number.isNaN(of.forgetting[i]) ? "" : `, forgotten ${of.forgetting[i]} time${of.forgetting[i] === 1 ? "" : "s"}`,
    learned = Number.isNaN(of.learned[i]) ? "never right" : `right first at epoch ${of.learned[i]}`;
  return `${split === "train" ? "training" : "test"} ${inWords("image")} ${of.sample[i]}: label ${className(scene, of.label[i])}, else likeliest ${className(scene, of.likely[i])}; mean margin ${number(of.area[i])}, confidence ${percent(of.confidence[i])}, ${learned}${forgotten}`;
}

// The samples of the split that is shown, as `picture` takes them.
const pictures = ({ data, split, of }) => ({ ...data.splits[split], arrays: of });

function drawSample({ holder, text, link }, scene, position) {
  holder.replaceChildren(picture(pictures(scene), position, 72));
  text.textContent = sayOf(scene, position);
  const place = scene.split === "test" && scene.probe ? scene.probe.arrays.sample.indexOf(scene.of.sample[position]) : -1;
  link.hidden = place < 0;
  link.href = `#${new URLSearchParams({ view: "embeddings", network: scene.name, sample: place })}`;
}

function drawMap(map, scene) {
  const { data, of, order, split } = scene,
    about = data.splits[split];
  const mean = Array.from({ length: 101 }, (_, i) => i / 100);
  map.draw(
    [
      {
        x: mean.map(value => Math.sqrt(value * (1 - value))),
        y: mean,
        name: "most possible",
        mode: "lines",
        hoverinfo: "skip",
        showinfile: false,
        line: { color: themed("--soft"), width: 1 },
      },
      {
        x: [0, 0.5],
        y: [1 / data.classes.length, 1 / data.classes.length],
        name: `a guess, 1 of ${data.classes.length}`,
        mode: "lines",
        hoverinfo: "skip",
        showinfile: false,
        line: { color: themed("--ink"), width: 1, dash: "dot" },
      },
      {
        x: order.map(i => of.variability[i]),
        y: order.map(i => of.confidence[i]),
        customdata: order,
        text: order.map(i => plain(sayOf(scene, i).replaceAll("; ", "<br>"))),
        hovertemplate: "%{text}<extra></extra>",
        name: "samples",
        mode: "markers",
        marker: {
          size: 7,
          color: order.map(i => of.correctness[i]),
          colorscale: "Viridis",
          reversescale: true,
          cmin: 0,
          cmax: 1,
          colorbar: { title: { text: "right, share of epochs", side: "right" }, thickness: 12, tickformat: ".0%" },
        },
      },
    ],
    {
      xaxis: { title: { text: "variability (standard deviation over epochs)" }, range: [-0.01, 0.52] },
      yaxis: { title: { text: "confidence (mean probability of the label)" }, range: [-0.03, 1.03] },
    },
  );
  const chance = 1 - 1 / data.classes.length;
  map.say(
    `${titleOf(scene.name)}: ${order.length} of ${about.all.toLocaleString("en")} ${split === "train" ? "training" : "test"} samples`,
    `The 100 likeliest wrong, the 100 most variable and 100 at random${scene.label === "all" ? "" : ", of one class"}. To ${about.negative.toLocaleString("en")} of all ${about.all.toLocaleString("en")} samples (${percent(about.negative / about.all)}) another class scores higher than the label, on average over the epochs ${data.epochs.join(", ")}; of random labels it would to ${percent(chance)}.${about.status === "complete" ? "" : ` There is no map: ${about.status}.`}`,
  );
}

function drawCourse(course, scene, position) {
  const { data, of } = scene,
    count = data.epochs.length,
    chance = 1 / data.classes.length;
  if (!of.sample.length) return;
  course.draw(
    [
      {
        x: data.epochs,
        y: Array.from(of.probability.slice(position * count, (position + 1) * count)),
        name: "label",
        mode: "lines+markers",
        line: { color: onPage("#0072b2"), width: 1.8 },
      },
      {
        x: [data.epochs[0], data.epochs.at(-1)],
        y: [chance, chance],
        name: "a guess",
        mode: "lines",
        line: { color: themed("--ink"), width: 1, dash: "dot" },
      },
    ],
    { xaxis: epochAxis(data.epochs), yaxis: { title: { text: "probability of the label" }, range: [-0.03, 1.03] } },
  );
  course.say(
    `The label's probability, ${scene.split === "train" ? "training" : "test"} image ${of.sample[position]}`,
    "After each stored epoch, in evaluation mode.",
  );
}

function drawList(list, scene) {
  const { of, order, key } = scene,
    listed = order.slice(0, MOST_LISTED);
  const thumbs = listed.map(i =>
    h(
      "button",
      { type: "button", "data-sample": i, "aria-label": sayOf(scene, i), title: sayOf(scene, i), onclick: () => pin(scene, i) },
      picture(pictures(scene), i, SIZE),
      h("span", {}, `${className(scene, of.label[i])} / ${className(scene, of.likely[i])}`),
    ),
  );
  list.replaceChildren(
    h("h3", {}, `${ORDERS[key][0]} first: ${listed.length} of ${order.length} (label / likeliest other class)`),
    h("div", { class: "thumbs named" }, thumbs),
  );
}

function table(scene) {
  const { of, order, split } = scene,
    numbers = ["area", "confidence", "variability", "correctness", "forgetting", "learned"];
  const rows = order.map(i => [
    split,
    of.sample[i],
    ...["label", "likely", "predicted"].map(name => className(scene, of[name][i])),
    ...numbers.map(name => of[name][i]),
  ]);
  return { columns: ["split", "sample", "label", "likely", "predicted", ...numbers], rows };
}
