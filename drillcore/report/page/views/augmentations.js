// Which augmentations of one image a layer takes for the same, with the two images under the pointer.

import { diverging, LEVELS, missing, NO_VALUE, paint, sequential } from "colours";
import { choice, select } from "controls";
import { topic } from "data";
import { h, number } from "dom";
import { raster } from "raster";
import * as state from "state";
import { controls, counted, picture, R_BAR } from "views/shared";
import { inWords } from "words";

const RANGES = [
  ["typical", "range of the layer"],
  ["whole", "−1 to 1"],
];

const toFour = r => number(Number(r.toFixed(4)));

export async function showAugmentations(root, network) {
  const data = await topic("augmentations", network),
    pictures = await topic("augmented", network);
  if (!data) return null;
  const noun = inWords("image"),
    { layers, count } = data,
    some = data.all > layers.length ? ` Of ${data.all} layers ${layers.length}, evenly chosen, are kept.` : "",
    last = layers.findLast((_, i) => data.ends[i]) ?? layers.at(-1),
    layerNow = () => layers.indexOf(state.get("layer", layers, last));
  const before = pictures?.arrays.original_images,
    original = (pictures?.original || before) && { texts: pictures.original, rows: pictures.rows, arrays: { images: before } };
  const holders = [h("div"), h("div")],
    names = [h("div"), h("div")];
  const side = h(
    "section",
    { class: "panel" },
    h("h3", {}, `The two ${noun}s under the pointer`),
    h(
      "div",
      { class: "images" },
      original && h("div", {}, picture(original, 0, 140), h("div", {}, "without augmentation")),
      holders.map((holder, i) => h("div", {}, holder, names[i])),
    ),
    meansTable(data),
  );
  const grid = h("div", { class: "grid" });
  root.append(
    h("h2", {}, `Augmentations of one ${noun}`),
    controls(select("layer", "layer", layers, last), choice("colours", "colours", RANGES)),
    grid,
  );
  // Pearson's r of each cell, of which the upper triangle is stored; NaN where there is none.
  const value = (i, j, layer = layerNow()) => {
    const [a, b] = i < j ? [i, j] : [j, i],
      level = data.arrays.samples[(layer * count * (count + 1)) / 2 + a * count - (a * (a - 1)) / 2 + b - a];
    if (level === NO_VALUE) return NaN;
    const [low, high] = data.ends[layer];
    return low + ((level + LEVELS) / (2 * LEVELS)) * (high - low);
  };
  function point(i, j) {
    [i, j].forEach((image, k) => {
      if (pictures) holders[k].replaceChildren(picture(pictures, image, 140));
      names[k].textContent = `augmentation ${image}`;
    });
    return `augmentations ${i} and ${j}: ${Number.isNaN(value(i, j)) ? "no r, for all units are the same" : `r ${toFour(value(i, j))}`}`;
  }
  const map = raster(grid, { id: "augmentations", title: `Augmentations of one ${noun}`, onPoint: point });
  grid.append(side);
  map.table = () => ({
    columns: ["augmentation", "augmentation", "r"],
    rows: Array.from({ length: count * count }, (_, k) => {
      const [i, j] = [Math.floor(k / count), k % count],
        r = value(i, j);
      return [i, j, Number.isNaN(r) ? null : r];
    }),
  });
  const update = () => {
    const layer = layerNow(),
      whole = !data.ends[layer] || state.get("colours", ["typical", "whole"], "typical") === "whole",
      [low, high] = whole ? [-1, 1] : data.typical[layer],
      scale = whole ? diverging : sequential,
      values = Float64Array.from({ length: count * count }, (_, k) => value(Math.floor(k / count), k % count, layer)),
      pixels = paint(values, scale, low, high);
    map.draw({
      pixels,
      rows: count,
      columns: count,
      xs: counted(count, "augmentation"),
      ys: counted(count, "augmentation"),
      bar: whole ? R_BAR : { low, high, stops: sequential.stops, title: "r, 2nd to 98th percentile" },
    });
    const what = pictures ? `test ${noun} ${pictures.sample}${pictures.name ? `, of class ${pictures.name}` : ""}` : `one test ${noun}`;
    map.say(
      `${layers[layer]}: ${count} random augmentations of ${what}, epoch ${data.epoch}`,
      `How alike the layer's outputs are for two augmentations of the ${noun}. ${whole ? "A layer that has become invariant to them is red throughout." : `Most pairs are between r ${toFour(low)} and ${toFour(high)}; the few beyond, and the diagonal, have the colours of the ends.`} Point at a cell to see its two ${noun}s.` +
        (pixels.includes(missing) ? " Grey: no r, for all units of the layer are the same." : "") +
        (pictures && pictures.all > count ? ` The first ${count} of ${pictures.all}.` : "") +
        some,
    );
  };
  update();
  point(0, Math.min(1, count - 1));
  return { update, again: update };
}

// The mean of the map of every layer, beside its diagonal.
function meansTable({ layers, means }) {
  const row = (layer, i) =>
    h("tr", {}, h("td", {}, layer), h("td", {}, means[i] === null ? "undefined" : means[i].toFixed(2)));
  const head = h("tr", {}, ["layer", "mean r of two augmentations"].map(text => h("th", {}, text)));
  return h("table", { id: "means" }, head, layers.map(row));
}
