// How sharp and how noisy the loss is around the weights: the Hessian's eigenvalues, its trace, and the gradient noise.

import { onPage } from "colours";
import { topic } from "data";
import { h, number } from "dom";
import { chart, shareTicks, signedScale } from "figures";
import { chooseNetwork, controls, epochAxis } from "views/shared";

export const title = "Curvature";
export const intro =
  "The loss around the weights of stored checkpoints, on training images and in evaluation mode: how sharply it bends (the largest eigenvalue of the Hessian), whether it bends down anywhere (the smallest), how much it bends in all directions together (the trace), and from which batch size on the gradient is more signal than noise (the noise scale).";

const CROSSED = "Gradients that change sign, in steps at checkpoints";
const BATCHES = ["gradient of another batch", "of the same batch"];

export async function show(root) {
  const { name, control } = chooseNetwork(root, "curvature", "curvature");
  if (!name) return null;
  const data = await topic("curvature", name);
  const grid = h("div", { class: "grid" });
  const said = data.verdict ? h("p", { id: "verdict" }, h("strong", {}, "Are the minima that were stepped over real? "), data.verdict) : null;
  root.append(...[controls(control), said, grid].filter(Boolean));
  const charts = {
    eigenvalues: chart(grid, { id: "eigenvalues", title: "Both ends of the Hessian's spectrum" }),
    trace: chart(grid, { id: "trace", title: "Trace of the Hessian" }),
    noise: chart(grid, { id: "noise", title: "Gradient noise scale" }),
    crossed: chart(grid, { id: "crossed", title: CROSSED }),
  };
  const draw = () => {
    drawEigenvalues(charts.eigenvalues, data);
    drawTrace(charts.trace, data);
    drawNoise(charts.noise, data);
    drawCrossed(charts.crossed, data);
  };
  draw();
  return { update: () => {}, again: draw };
}

const line = (data, name, values, colour, more = {}) => ({
  x: data.epochs,
  y: Array.from(values),
  values: Array.from(values),
  customdata: Array.from(values),
  name,
  mode: "lines+markers",
  line: { color: onPage(colour), width: 1.8 },
  hovertemplate: `epoch %{x}: %{customdata:.4~g}<extra>${name}</extra>`,
  ...more,
});

// A trace on a `signedScale`, with whiskers of the lengths `errors` where there are any.
function signed({ at }, trace, errors) {
  const y = trace.values.map(at);
  if (!errors) return { ...trace, y };
  const whiskers = {
    type: "data",
    symmetric: false,
    array: y.map((end, i) => at(trace.values[i] + errors[i]) - end),
    arrayminus: y.map((end, i) => end - at(trace.values[i] - errors[i])),
    color: trace.line.color,
    thickness: 1,
  };
  return { ...trace, y, error_y: whiskers };
}

const column = (array, position) => {
  const width = array.shape[1];
  return array.filter((_, i) => i % width === position);
};

const withWhiskers = (values, errors) => Array.from(values).flatMap((value, i) => [value - errors[i], value + errors[i]]);

// All epochs are on the axis, those of which nothing is known too.
function axes({ epochs }, text, more = {}) {
  const [first, last] = [epochs[0], epochs.at(-1)],
    beside = 0.06 * (last - first || 1);
  return {
    xaxis: { ...epochAxis(epochs), range: [first - beside, last + beside] },
    yaxis: { title: { text }, ...more },
  };
}

const ORDERS = "Linear around 0, logarithmic beyond 1.";

function drawEigenvalues(one, data) {
  const { largest, smallest, residual, edge, preconditioned } = data.arrays,
    count = largest.shape[1],
    ends = withWhiskers(column(largest, 0), column(residual, 0)),
    others = withWhiskers(smallest, column(residual, count)),
    divided = preconditioned.some(Number.isFinite),
    scale = signedScale([...largest, ...ends, ...others, ...(divided ? preconditioned : []), ...(data.compared ? edge : [])]);
  const traces = Array.from({ length: count }, (_, i) => {
    const faded = { opacity: 1 - (0.6 * i) / count },
      name = count > 1 ? `largest, ${i + 1}` : "largest";
    return signed(scale, line(data, name, column(largest, i), "#0072b2", faded), column(residual, i));
  });
  traces.push(signed(scale, line(data, "smallest", smallest, "#d55e00"), column(residual, count)));
  if (divided) traces.push(signed(scale, line(data, "largest, preconditioned", preconditioned, "#882255")));
  if (data.compared) {
    const dashed = { line: { color: "#777777", dash: "dash" } };
    traces.push(signed(scale, line(data, "edge of stability", edge, "#777777", dashed)));
  }
  one.draw(traces, axes(data, "eigenvalue", scale.axis));
  const beside = data.compared
    ? data.ofHessian
      ? "Beyond the edge of stability gradient descent on a quadratic would diverge."
      : "Adam's edge is that of the preconditioned line: the Hessian divided as Adam's update is, at epochs whose state was kept."
    : data.edgeOf && `Adam's edge of stability, ${number(edge[0])}, is not drawn: it is one of the Hessian scaled by Adam's second moment, which is known after epoch 0 where keep_states kept it.`;
  one.say(
    "Both ends of the Hessian's spectrum",
    [
      `${data.samples} training images. Whiskers: how far a true eigenvalue may be.`,
      scale.axis.tickvals && ORDERS,
      beside,
      gaps(data, smallest),
    ]
      .filter(Boolean)
      .join(" "),
  );
}

function drawTrace(one, data) {
  const { trace, trace_error: error } = data.arrays,
    scale = signedScale(withWhiskers(trace, error));
  one.draw([signed(scale, line(data, "trace", trace, "#117733"), error)], axes(data, "trace", scale.axis));
  one.say(
    "Trace of the Hessian",
    ["The sum of all eigenvalues, by random vectors; whiskers: a standard error.", scale.axis.tickvals && ORDERS, gaps(data, trace)]
      .filter(Boolean)
      .join(" "),
  );
}

function drawNoise(one, data) {
  const { noise_scale: scale } = data.arrays;
  one.draw([line(data, "noise scale", scale, "#aa3377")], axes(data, "noise scale (images)", { rangemode: "tozero" }));
  one.say(
    "Gradient noise scale",
    `tr S / |G|², from the gradients of single images: about the batch at which signal and noise are equal. ${gaps(data, scale)}`,
  );
}

function drawCrossed(one, data) {
  const { flipped } = data.arrays,
    count = data.epochs.length;
  const traces = BATCHES.map((name, i) =>
    line(data, name, flipped.slice(i * count, (i + 1) * count), ["#777777", "#0072b2"][i]),
  );
  one.draw(traces, axes(data, "share of all weights", { ...shareTicks(traces.flatMap(one => one.y)), rangemode: "tozero" }));
  one.say(
    CROSSED,
    "No steps of the training: one step from each checkpoint against the gradient of a batch, as long as the training's was, without the optimiser's memory. A sign that changes with another batch may be noise alone; with the same batch, the minimum of its loss was crossed along that weight.",
  );
}

// Which epochs have no point, and why.
function gaps(data, values) {
  const missing = data.epochs.filter((_, i) => Number.isNaN(values[i])),
    statusOf = epoch => data.statuses[data.epochs.indexOf(epoch)];
  return [...new Set(missing.map(statusOf))]
    .map(status => [status, missing.filter(epoch => statusOf(epoch) === status)])
    .map(([status, of]) => `No point at epoch${of.length > 1 ? "s" : ""} ${of.join(", ")}: ${status}.`.replace("..", "."))
    .join(" ");
}
