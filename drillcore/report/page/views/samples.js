// How samples fared over the training: a map of them, a list to sort and filter, and the one that is looked at.

import { choice, select } from "controls";
import { topic } from "data";
import { h } from "dom";
import { chart } from "figures";
import * as state from "state";
import * as classes from "views/sample_classes";
import * as errors from "views/sample_errors";
import { chooseNetwork, controls, picture } from "views/shared";

export const title = "Samples";
export const intro =
  "How well the network answered for each sample, from one stored epoch to the next: how surely it gave the label, or how far its numbers were off. Samples that are right from the start are easy, those whose answer goes up and down are ambiguous, and those to which another class scores higher all along, or whose number is far from the answer beside the others', have a label or target that may be wrong. Click one to see it.";

const MOST_LISTED = 60,
  SIZE = 56,
  SPLITS = [
    ["train", "training samples"],
    ["test", "test samples"],
  ];

export async function show(root) {
  const { name, control } = chooseNetwork(root, "samples", "activations");
  if (!name) return null;
  const data = await topic("samples", name),
    probe = await topic("probe", name);
  const kind = data.classes.length ? classes : errors,
    orders = kind.orders(data),
    scene = { name, data, probe, kind, orders };
  root.append(
    controls(
      control,
      choice("split", "of the", SPLITS),
      select("order", "sorted by", Object.entries(orders).map(([key, [text]]) => [key, text])),
      data.classes.length
        ? select("class", "class", [["all", "all classes"], ...data.classes.map((one, i) => [i, one])])
        : null,
    ),
  );
  const grid = h("div", { class: "grid" });
  root.append(grid);
  const holder = h("div"),
    text = h("output", { id: "sample-text" }),
    link = h("a", { id: "to-embeddings" }, "Open in the embeddings");
  grid.append(h("section", { class: "panel full sample" }, holder, text, link));
  const map = chart(grid, { id: "sample-map", title: "Samples", height: 360 }),
    course = chart(grid, { id: "course", title: kind.course(data), height: 360 }),
    list = h("section", { class: "panel full", id: "ranked" });
  grid.append(list);
  map.table = () => kind.table(scene);
  const update = () => {
    Object.assign(scene, chosen(scene));
    kind.drawMap(map, scene);
    drawList(list, scene);
    look();
  };
  const look = () => {
    const position = pinned(scene);
    drawSample({ holder, text, link }, scene, position);
    kind.drawCourse(course, scene, position);
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
function chosen({ data, orders }) {
  const split = state.get("split", Object.keys(data.splits), "train"),
    key = state.get("order", Object.keys(orders), "suspects"),
    label = state.get("class", ["all", ...data.classes.keys()], "all"),
    of = Object.fromEntries(
      Object.entries(data.arrays)
        .filter(([name]) => name.startsWith(`${split}/`))
        .map(([name, array]) => [name.slice(split.length + 1), array]),
    );
  const by = orders[key][1](of),
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

// The samples of the split that is shown, as `picture` takes them.
const pictures = ({ data, split, of }) => ({ ...data.splits[split], arrays: of });

function drawSample({ holder, text, link }, scene, position) {
  holder.replaceChildren(picture(pictures(scene), position, 72));
  text.textContent = scene.kind.say(scene, position);
  const place = scene.split === "test" && scene.probe ? scene.probe.arrays.sample.indexOf(scene.of.sample[position]) : -1;
  link.hidden = place < 0;
  link.href = `#${new URLSearchParams({ view: "embeddings", network: scene.name, sample: place })}`;
}

function drawList(list, scene) {
  const { data, orders, kind, order, key } = scene,
    listed = order.slice(0, MOST_LISTED);
  const thumbs = listed.map(i =>
    h(
      "button",
      { type: "button", "data-sample": i, "aria-label": kind.say(scene, i), title: kind.say(scene, i), onclick: () => pin(scene, i) },
      picture(pictures(scene), i, SIZE),
      h("span", {}, kind.name(scene, i)),
    ),
  );
  list.replaceChildren(
    h("h3", {}, `${orders[key][0][0].toUpperCase()}${orders[key][0].slice(1)} first: ${listed.length} of ${order.length} (${kind.named(data)})`),
    h("div", { class: "thumbs named" }, thumbs),
  );
}
