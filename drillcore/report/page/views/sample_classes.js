// Of classes: how samples are sorted, what is said of one, and how all of them and one of them are drawn.

import { onPage } from "colours";
import { titleOf } from "data";
import { number, percent, themed } from "dom";
import { shareTicks } from "figures";
import { epochAxis, sampleDots } from "views/shared";
import { inWords } from "words";

const UNKNOWN = -1;

// By order: what it is called, and how the numbers are sorted.
const ORDERS = {
  suspects: ["label likely wrong", of => of.area],
  variable: ["most variable", of => of.variability.map(value => -value)],
  forgotten: ["most often forgotten", of => of.forgetting.map(value => -value)],
  unsure: ["least confident", of => of.confidence],
  late: ["learned last", of => of.learned.map(value => (Number.isNaN(value) ? -Infinity : -value))],
};

export const orders = () => ORDERS;
export const course = () => "The label's probability";
export const named = () => "label / likeliest other class";

const className = ({ data }, label) => (label === UNKNOWN ? "unknown" : data.classes[label]);

export function say(scene, i) {
  const { of, split } = scene,
    forgotten = Number.isNaN(of.forgetting[i]) ? "" : `, forgotten ${of.forgetting[i]} time${of.forgetting[i] === 1 ? "" : "s"}`,
    learned = Number.isNaN(of.learned[i]) ? "never right" : inWords(`right first at epoch ${of.learned[i]}`);
  return `${split === "train" ? "training" : "test"} ${inWords("image")} ${of.sample[i]}: label ${className(scene, of.label[i])}, else likeliest ${className(scene, of.likely[i])}; mean margin ${number(of.area[i])}, confidence ${percent(of.confidence[i])}, ${learned}${forgotten}`;
}

export const name = (scene, i) => `${className(scene, scene.of.label[i])} / ${className(scene, scene.of.likely[i])}`;

export function drawMap(map, scene) {
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
      sampleDots(order, i => say(scene, i), of.variability, of.confidence, {
        color: order.map(i => of.correctness[i]),
        colorscale: "Viridis",
        cmin: 0,
        cmax: 1,
        colorbar: { title: { text: inWords("right, share of epochs"), side: "right" }, thickness: 12, ...shareTicks([0, 1]) },
      }),
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

export function drawCourse(course, scene, position) {
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

export function table(scene) {
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
