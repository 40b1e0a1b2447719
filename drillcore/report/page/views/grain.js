// The signed bins of all parameters at the finest grain that is kept: see drillcore/report/signs.py.

import { number } from "dom";

const MOST_SINGLES = 64;

// What near zero is at a threshold, and what it is not, in the words of the block.
export const nearText = ({ near }, threshold) => near.replace("{}", number(threshold));
export const farText = ({ far }, threshold) => far.replace("{}", number(threshold));

// Where each tensor and layer begins among all parameters, and where each tensor does if it is as wide as the root of its size.
export function arrange(data) {
  const begins = [],
    offsets = [],
    layerBegins = [],
    layerSizes = [];
  let total = 0,
    offset = 0;
  data.sizes.forEach((size, i) => {
    const layer = data.layer_of[i];
    layerBegins[layer] ??= total;
    layerSizes[layer] = (layerSizes[layer] ?? 0) + size;
    begins.push(total);
    offsets.push(offset);
    total += size;
    offset += Math.sqrt(size);
  });
  return { data, begins, offsets, layerBegins, layerSizes, total };
}

// The kind, a position in `kinds`, of every class of signed bins at a threshold.
export function kindOf(data, threshold) {
  const [begin, end] = data.near_bins[data.edges.indexOf(threshold)],
    kind = name => data.kinds.indexOf(name);
  return Array.from({ length: 2 * data.bins + 2 }, (_, index) => {
    const value = index - data.bins;
    if (value === data.bins + 1) return kind("nan");
    if (value === 0) return kind("zero");
    if (Math.abs(value) < begin || Math.abs(value) >= end) return kind("large");
    return kind(value < 0 ? "negative" : "positive");
  });
}

// The shares of the classes among the parameters from `begin` to `end` at an epoch's row, from the finest that is kept:
// single parameters, columns of a layer, or columns of the network.
export function sample(scene, row, begin, end, shares) {
  shares.fill(0);
  const { data } = scene,
    middle = (begin + end) / 2;
  const tensor = scene.begins.findLastIndex(first => first <= middle);
  const first = scene.begins[tensor] + data.window[tensor],
    window = data.arrays[`window/${tensor}`],
    length = window.shape[1];
  if (end - begin <= MOST_SINGLES && middle >= first && middle < first + length) {
    const low = Math.max(0, Math.floor(begin - first)),
      high = Math.min(length, Math.max(low + 1, Math.floor(end - first)));
    for (let i = low; i < high; i++) {
      const value = window[row * length + i];
      shares[value === data.not_a_number ? 2 * data.bins + 1 : value + data.bins] += 1 / (high - low);
    }
    return high - low;
  }
  const layer = data.layer_of[tensor],
    network = data.arrays.network;
  const ofLayer = end - begin < scene.total / network.shape[1];
  const [array, start, size] = ofLayer
    ? [data.arrays[`layer/${layer}`], scene.layerBegins[layer], scene.layerSizes[layer]]
    : [network, 0, scene.total];
  const [, columns, classes] = array.shape,
    column = at => Math.max(0, Math.min(columns - 1, Math.floor(((at - start) * columns) / size)));
  const low = column(begin),
    high = Math.max(low, column(end - 1e-6));
  for (let i = low; i <= high; i++)
    for (let c = 0; c < classes; c++) shares[c] += array[(row * columns + i) * classes + c] / data.steps / (high - low + 1);
  return Math.ceil(size / columns) * (high - low + 1);
}

// The shares of the kinds, of those of the classes.
export function byKind({ kinds }, kindOfClass, shares) {
  const sums = kinds.map(() => 0);
  kindOfClass.forEach((kind, index) => (sums[kind] += shares[index]));
  return sums;
}

// Whether all parameters in sight are of one width: of more than there are columns, a tensor is as wide as the root of its
// size, so that the largest leaves width to the others.
export const isEven = ({ from, to, columns }) => to - from <= columns;

function offsetOf({ data, begins, offsets }, parameter) {
  const tensor = begins.findLastIndex(begin => begin <= parameter);
  return offsets[tensor] + (parameter - begins[tensor]) / Math.sqrt(data.sizes[tensor] || 1);
}

function atOffset({ data, begins, offsets }, offset) {
  const tensor = offsets.findLastIndex(begin => begin <= offset);
  return begins[tensor] + (offset - offsets[tensor]) * Math.sqrt(data.sizes[tensor]);
}

// The parameter at the left edge of a column, and the column of a parameter: fractions between them.
export function parameterAt(scene, column) {
  const { from, to, columns } = scene;
  if (isEven(scene)) return from + ((to - from) * column) / columns;
  const [low, high] = [from, to].map(end => offsetOf(scene, end));
  return Math.min(to, Math.max(from, atOffset(scene, low + ((high - low) * column) / columns)));
}

export function columnAt(scene, parameter) {
  const { from, to, columns } = scene;
  if (isEven(scene)) return ((parameter - from) / (to - from)) * columns;
  const [low, high, middle] = [from, to, parameter].map(one => offsetOf(scene, one));
  return ((middle - low) / (high - low)) * columns;
}

export const bounds = (scene, column) => [parameterAt(scene, column), parameterAt(scene, column + 1)];

export function classText({ bins, edges }, index) {
  const value = index - bins,
    bin = Math.abs(value);
  if (value === bins + 1) return "not a number";
  if (!bin) return "exactly 0";
  const size =
    bin > edges.length
      ? `|g| > ${number(edges.at(-1))}`
      : `${bin > 1 ? `${number(edges[bin - 2])} < ` : ""}|g| ≤ ${number(edges[bin - 1])}`;
  return `${value < 0 ? "negative" : "positive"}, ${size}`;
}
