// A window of a training once more, under instruments: what each measured, step by step.

import { onPage } from "colours";
import { select } from "controls";
import { replay, replays, titleOf } from "data";
import { h } from "dom";
import { chart, evenStep, logAxis, shareTicks, signedScale } from "figures";
import * as state from "state";
import { controls } from "views/shared";

export const title = "Replays";
export const intro =
  "Windows of a training that were lived through once more, from a state that it kept, under instruments that would have been too dear all the way. Each says whether it was the same training, by comparing what it counted, its losses and its weights with those that were stored.";

const LOSS = "Loss",
  NORMS = "Norms",
  SHARPNESS = "Sharpness",
  ALONG = "Curvature along the step",
  NOISE = "Gradient noise scale",
  FLIPS = "Gradients that change sign with the same batch";

export async function show(root) {
  const names = replays();
  if (!names.length) {
    root.append(
      h("p", { class: "empty" }, "Nothing to show yet: python -m stages.replay NETWORK --steps 100:130 --with curvature,noise makes one."),
    );
    return null;
  }
  const name = state.get("replay", names, names[0]),
    data = await replay(name),
    grid = h("div", { class: "grid" });
  root.append(
    controls(select("replay", "replay", names, name)),
    h("p", { id: "proof" }, h("strong", {}, `${titleOf(data.network)}: `), `${data.proof}.`),
    grid,
  );
  const { arrays } = data,
    drawn = [
      drawLoss,
      drawNorms,
      arrays["curvature/largest"] && drawSharpness,
      arrays["curvature/along_step"] && drawAlong,
      arrays["noise/scale"] && drawNoise,
      arrays["same_batch/flipped"] && drawFlips,
    ].filter(Boolean);
  const charts = drawn.map(draw => draw(grid, data));
  const draw = () => charts.forEach(again => again());
  draw();
  return {
    update: changed => {
      if (changed.includes("replay")) {
        root.replaceChildren();
        show(root);
      }
    },
    again: draw,
  };
}

function line(data, key, name, colour, more = {}) {
  const values = Array.from(data.arrays[key]);
  return {
    x: Array.from(data.arrays.step),
    y: values,
    values,
    customdata: values,
    name,
    mode: "lines+markers",
    marker: { size: 4 },
    line: { color: onPage(colour), width: 1.6 },
    hovertemplate: `step %{x}: %{customdata:.4~g}<extra>${name}</extra>`,
    ...more,
  };
}

const axes = ({ arrays: { step } }, text, more = {}) => ({
  xaxis: { title: { text: "step" }, tickformat: "d", dtick: Math.max(1, evenStep(step.at(-1) - step[0] || 1)) },
  yaxis: { title: { text }, ...more },
});

// A chart of the traces of `lines`, made anew whenever it is drawn, as colours follow the page's.
function drawing(grid, data, id, title, note, lines, text, signed = false, more = {}) {
  const one = chart(grid, { id, title, note });
  return () => {
    const traces = lines();
    const scale = signedScale(signed ? traces.flatMap(trace => trace.values) : []);
    one.draw(
      traces.map(trace => ({ ...trace, y: trace.values.map(scale.at) })),
      axes(data, text, { ...scale.axis, ...more }),
    );
  };
}

function drawLoss(grid, data) {
  const lines = () =>
    [
      line(data, "loss", "of the step's batch", "#333333"),
      data.arrays["curvature/loss"] && line(data, "curvature/loss", "of the probe", "#56b4e9"),
    ].filter(Boolean);
  return drawing(grid, data, "replayed-loss", LOSS, "Of each step's batch, as the training saw it, before the update.", lines, "loss");
}

function drawNorms(grid, data) {
  const note = "A step whose gradient is far longer than that of its batch in evaluation mode got what is not in the data.",
    one = chart(grid, { id: "replayed-norms", title: NORMS, note });
  return () => {
    const lines = [
      line(data, "gradient_norm", "gradient of the step", "#0072b2"),
      data.arrays["noise/gradient_norm"] && line(data, "noise/gradient_norm", "of its batch, in evaluation mode", "#aa3377"),
      line(data, "update_norm", "update", "#d55e00"),
    ].filter(Boolean);
    one.draw(lines, axes(data, "norm", logAxis(lines.flatMap(trace => trace.values))));
  };
}

function drawSharpness(grid, data) {
  const dashed = { mode: "lines", line: { color: "#777777", dash: "dash" } },
    finite = key => data.arrays[key]?.some(Number.isFinite);
  const lines = () =>
    [
      line(data, "curvature/largest", "largest eigenvalue", "#0072b2"),
      finite("curvature/preconditioned") && line(data, "curvature/preconditioned", "preconditioned", "#882255"),
      finite("edge") && line(data, "edge", "edge of stability", "#777777", dashed),
    ].filter(Boolean);
  const beside = data.ofHessian
    ? "Beyond the edge of stability gradient descent on a quadratic would diverge."
    : "Adam's edge is one of the Hessian once it is divided as Adam's update is: of the preconditioned line.";
  return drawing(grid, data, "replayed-sharpness", SHARPNESS, `Of the loss over the probe, in evaluation mode. ${beside}`, lines, "eigenvalue", true);
}

function drawAlong(grid, data) {
  const note = "The change of the probe's gradient along the update, divided by its length: above zero the update climbs out of a valley.";
  return drawing(grid, data, "replayed-along", ALONG, note, () => [line(data, "curvature/along_step", "along the step", "#8c6d00")], "curvature", true);
}

function drawNoise(grid, data) {
  const note = "From the gradient of every sample of the step's batch: about the batch at which signal and noise are equal.";
  return drawing(grid, data, "replayed-noise", NOISE, note, () => [line(data, "noise/scale", "noise scale", "#aa3377")], "noise scale (samples)");
}

function drawFlips(grid, data) {
  const note = "The batch once more at the new weights, with the same dropout masks: these signs do not change by the noise of batches.";
  const lines = () => [line(data, "same_batch/flipped", "the same batch", "#0072b2")];
  return drawing(grid, data, "replayed-flips", FLIPS, note, lines, "share of all gradients", false, { ...shareTicks(Array.from(data.arrays["same_batch/flipped"])), rangemode: "tozero" });
}
