// Of numbers, and of the losses of texts and reconstructions: how samples are sorted, what is said of one, and how all of them
// and one of them are drawn. As sample_classes.js.

import { onPage } from "colours";
import { titleOf } from "data";
import { number, themed } from "dom";
import { epochAxis, sampleDots } from "views/shared";
import { inWords } from "words";

// A regression has residuals, and its targets may be wrong.
const isRegression = data => "train/target" in data.arrays;

const sign = value => -Math.abs(value);

export const orders = data => ({
  suspects: isRegression(data) ? ["target likely wrong", suspicion] : ["hardest", of => of.mean.map(sign)],
  variable: ["most variable", of => of.variability.map(sign)],
  last: ["largest error at the end", of => of.error.map(sign)],
  late: ["settled last", of => of.settled.map(value => (Number.isNaN(value) ? -Infinity : -value))],
  easy: ["answered best", of => of.mean],
});

// Of residuals that are not standardised the mean error stands in, as in `Errors.suspects`.
const suspicion = of => (of.standardised.every(Number.isNaN) ? of.mean : of.standardised).map(sign);

export const course = data => `The ${data.measure}`;
export const named = data => (isRegression(data) ? "target / answer" : data.measure);
export const name = ({ data, of }, i) =>
  isRegression(data) ? `${number(of.target[i])} / ${number(of.output[i])}` : number(of.error[i]);

const which = ({ split, of }, i) => `${split === "train" ? "training" : "test"} ${inWords("image")} ${of.sample[i]}`;

export function say(scene, i) {
  const { data, of, split } = scene,
    { numbers } = data.splits[split],
    settled = Number.isNaN(of.settled[i]) ? "not settled" : inWords(`settled at epoch ${of.settled[i]}`),
    overEpochs = Number.isNaN(of.variability[i])
      ? ""
      : `, on average ${number(of.mean[i])} ± ${number(of.variability[i])} ${inWords("over the epochs")}`,
    answer = isRegression(data)
      ? `target ${number(of.target[i])}${numbers ? ` (number ${of.number[i] + 1} of ${numbers})` : ""}, answer ${number(of.output[i])}, standardised residual ${number(of.standardised[i])}; `
      : "";
  return `${which(scene, i)}: ${answer}${data.measure}${numbers ? `, the mean of ${numbers},` : ""} ${number(of.error[i])}${overEpochs}, ${settled}`;
}

export function drawMap(map, scene) {
  const { data, of, order, split } = scene,
    about = data.splits[split],
    signed = isRegression(data) && !of.standardised.every(Number.isNaN),
    most = Math.max(...order.map(i => of.variability[i]).filter(Number.isFinite), 0);
  map.draw(
    [
      {
        x: [0, most],
        y: [about.constant, about.constant],
        name: "always the same answer",
        mode: "lines",
        hoverinfo: "skip",
        showinfile: false,
        line: { color: themed("--ink"), width: 1, dash: "dot" },
      },
      sampleDots(order, i => say(scene, i), of.variability, of.mean, {
        color: order.map(i => (signed ? of.standardised[i] : of.error[i])),
        colorscale: signed ? "RdBu" : "Viridis",
        ...(signed ? { cmin: -data.limit, cmax: data.limit } : {}),
        line: { width: 0.5, color: themed("--soft") },
        colorbar: {
          title: { text: signed ? "standardised residual" : `${data.measure} at the end${data.unit}`, side: "right" },
          thickness: 12,
        },
      }),
    ],
    {
      xaxis: { title: { text: "variability (standard deviation over epochs)" }, rangemode: "tozero" },
      yaxis: { title: { text: `mean ${data.measure}${data.unit}` }, rangemode: "tozero" },
    },
  );
  const beyond = signed
    ? ` Of all ${about.all.toLocaleString("en")} samples ${about.outlying.toLocaleString("en")} have a standardised residual beyond ${data.limit}; of normal errors 0.05 % would.`
    : "";
  map.say(
    `${titleOf(scene.name)}: ${order.length} of ${about.all.toLocaleString("en")} ${split === "train" ? "training" : "test"} samples`,
    `The 100 ${isRegression(data) ? "likeliest wrong" : "hardest"}, the 100 most variable, 100 at random and the 10 answered best.${beyond} An answer that is always the same would be off by ${number(about.constant)}.${about.status === "complete" ? "" : ` ${about.status}.`}`,
  );
}

export function drawCourse(course, scene, position) {
  const { data, of, split } = scene,
    count = data.epochs.length,
    about = data.splits[split],
    level = (y, name, dash) => ({
      x: [data.epochs[0], data.epochs.at(-1)],
      y: [y, y],
      name,
      mode: "lines",
      line: { color: themed("--ink"), width: 1, dash },
    });
  if (!of.sample.length) return;
  course.draw(
    [
      {
        x: data.epochs,
        y: Array.from(of.course.slice(position * count, (position + 1) * count)),
        name: data.measure,
        mode: "lines+markers",
        line: { color: onPage("#0072b2"), width: 1.8 },
      },
      level(about.spread, "two thirds in the end", "dash"),
      level(about.constant, "always the same", "dot"),
    ],
    { xaxis: epochAxis(data.epochs), yaxis: { title: { text: data.measure + data.unit }, rangemode: "tozero" } },
  );
  course.say(
    `The ${data.measure}, ${which(scene, position)}`,
    "After each stored epoch, in evaluation mode. It has settled from where it stays below what 68 % of the samples reach in the end.",
  );
}

export function table(scene) {
  const { data, of, order, split } = scene,
    numbers = ["error", "mean", "variability", "settled"];
  if (isRegression(data)) numbers.unshift("target", "output", "residual", "standardised");
  return {
    columns: ["split", "sample", ...numbers],
    rows: order.map(i => [split, of.sample[i], ...numbers.map(one => of[one][i])]),
  };
}
