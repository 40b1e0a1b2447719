// A map of many cells: a canvas, which keeps up with a slider, under the axes and the colour bar of plotly.js.

import { isDark, missing } from "colours";
import { h, plain, themed } from "dom";
import { CONFIG, evenStep, figure, FONT, layout, textWidth } from "figures";

/* global Plotly */

const TICK_FONT = 12,
  LINE = 13,
  APART = 6,
  BAR = 54,
  BAR_FONT = 11,
  EDGE = 34,
  LEAST_TEXT = 6.5,
  MOST_TEXT = 13,
  LEAST_TICKS = 3,
  FILLED = 0.85;

// `onPoint(row, column)` returns what is said of a cell, `onPick` is told which was clicked.
export function raster(root, options) {
  const one = figure(root, options);
  const axes = h("div"),
    readout = h("output", { class: "readout" });
  const canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": options.title, title: options.hint ?? "" });
  const pointer = h("div", { class: "mark", hidden: true }),
    picked = h("div", { class: "mark", hidden: true });
  one.plot.removeAttribute("role");
  one.plot.append(axes, canvas, picked, pointer);
  one.plot.after(readout);
  const source = document.createElement("canvas");
  let frame,
    box,
    key,
    cell = [0, 0];

  one.draw = next => {
    frame = next;
    const { rows, columns, xs, ys, bar, side, height } = frame; // what the axes depend on: they are drawn anew only if it changes
    const wanted = JSON.stringify([
      rows,
      columns,
      xs,
      ys,
      bar,
      side,
      height,
      one.plot.clientWidth,
      document.documentElement.dataset.theme,
    ]);
    if (wanted !== key) arrange();
    key = wanted;
    paint();
  };
  one.again = () => frame && one.draw(frame);
  one.canvas = one.described = canvas;
  one.picture = () => picture(axes, canvas, frame);
  one.mark = (row, column) => outline(picked, row, column);

  function arrange() {
    box = geometry(frame, one.plot.clientWidth);
    Plotly.react(axes, [bar(frame)], shape(frame, box), { ...CONFIG, staticPlot: true });
    const density = window.devicePixelRatio || 1;
    Object.assign(canvas, { width: Math.round(box.width * density), height: Math.round(box.height * density) });
    Object.assign(canvas.style, {
      left: `${box.left}px`,
      top: `${box.top}px`,
      width: `${box.width}px`,
      height: `${box.height}px`,
    });
    for (const mark of [picked, pointer]) mark.hidden = true;
  }

  function paint() {
    Object.assign(source, { width: frame.columns, height: frame.rows });
    source
      .getContext("2d")
      .putImageData(new ImageData(new Uint8ClampedArray(frame.pixels.buffer), frame.columns, frame.rows), 0, 0);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = frame.columns > canvas.width || frame.rows > canvas.height;
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    if (frame.texts) write(context);
  }

  // Writes what the cells say as large as it fits the smallest; nothing where that is too small to read.
  function write(context) {
    const [width, height] = [canvas.width / frame.columns, canvas.height / frame.rows],
      density = window.devicePixelRatio || 1;
    const widest = Math.max(...frame.texts.map(text => textWidth(text, MOST_TEXT))),
      size = Math.min(MOST_TEXT * density, (FILLED * width * MOST_TEXT) / widest, 0.8 * height);
    if (size < LEAST_TEXT * density) return;
    context.font = `${size}px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const inks = new Map(); // cells that say the same have one ink, though the limit may run between their colours
    frame.texts.forEach((text, i) => {
      const looks = `${text} ${frame.pixels[i] === missing}`;
      if (!inks.has(looks)) inks.set(looks, isDark(frame.pixels[i]) ? "#ffffff" : "#1b2330");
      context.fillStyle = inks.get(looks);
      context.fillText(text, ((i % frame.columns) + 0.5) * width, (Math.floor(i / frame.columns) + 0.5) * height);
    });
  }

  function outline(mark, row, column) {
    const [width, height] = [box.width / frame.columns, box.height / frame.rows];
    mark.hidden = false;
    Object.assign(mark.style, {
      left: `${box.left + column * width - 1}px`,
      top: `${box.top + row * height - 1}px`,
      width: `${width + 2}px`,
      height: `${height + 2}px`,
    });
  }

  function point(row, column) {
    cell = [Math.max(0, Math.min(frame.rows - 1, row)), Math.max(0, Math.min(frame.columns - 1, column))];
    if (options.points !== false) outline(pointer, ...cell);
    readout.textContent = options.onPoint?.(...cell) ?? "";
  }

  const under = event => [
    Math.floor((event.offsetY / box.height) * frame.rows),
    Math.floor((event.offsetX / box.width) * frame.columns),
  ];
  canvas.addEventListener("pointermove", event => point(...under(event)));
  canvas.addEventListener("pointerleave", () => {
    pointer.hidden = true;
  });
  canvas.addEventListener("click", event => {
    point(...under(event));
    options.onPick?.(...cell);
  });
  canvas.addEventListener("keydown", event => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step) point(cell[0] + step[0], cell[1] + step[1]);
    else if (event.key === "Enter" || event.key === " ") options.onPick?.(...cell);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return one;
}

const tickWidth = text => textWidth(text, TICK_FONT);

function geometry(frame, width) {
  const longest = texts => Math.max(0, ...texts.map(tickWidth));
  const left = Math.min(width * 0.3, longest(frame.ys.texts) + (frame.ys.title ? 34 : 14));
  const right = frame.bar ? BAR + Math.max(...barTicks(frame.bar).ticktext.map(text => textWidth(text, BAR_FONT))) : EDGE;
  const space = Math.max(80, width - left - right),
    side = Math.min(space, frame.side ?? 540);
  const across = frame.height ? space : side,
    upright = placed(frame.xs, frame.columns, across).some(
      ([text, at], i, all) => i && at - all[i - 1][1] < (tickWidth(text) + tickWidth(all[i - 1][0])) / 2 + APART,
    );
  const below = Math.min(130, upright ? longest(frame.xs.texts) + 12 : 24) + (frame.xs.title ? 24 : 0);
  return { left, top: 8, width: across, height: frame.height ?? side, right, below, upright };
}

// The texts of a side, each with its place on so many pixels.
const placed = ({ ticks, texts }, length, pixels) => texts.map((text, i) => [text, (ticks[i] / length) * pixels]);

// Which of a side's texts, lines above each other on so many pixels, have space for theirs.
function legible(side, length, pixels) {
  let last = -Infinity;
  return placed(side, length, pixels).map(([, at]) => {
    const fits = at - last >= LINE;
    if (fits) last = at;
    return fits;
  });
}

function shape(frame, box) {
  // A name that is longer than its space loses its beginning, for layers of one network mostly differ at the end.
  const fitted = (text, space) => {
    let end = text;
    while (end && tickWidth(end === text ? text : `…${end}`) > space) end = end.slice(1);
    return end === text ? text : `…${end}`;
  };
  const axis = (side, length, space, shown) => ({
    tickvals: side.ticks.filter((_, i) => shown[i]),
    ticktext: side.texts.filter((_, i) => shown[i]).map(text => plain(fitted(text, space))),
    title: { text: plain(side.title ?? ""), standoff: 6 },
    range: [0, length],
    showgrid: false,
    zeroline: false,
    automargin: false,
    ticks: "",
    linecolor: themed("--line"),
  });
  const columns = box.upright ? legible(frame.xs, frame.columns, box.width) : frame.xs.ticks.map(() => true),
    rows = legible(frame.ys, frame.rows, box.height);
  return layout({
    width: box.left + box.width + box.right,
    height: box.top + box.height + box.below,
    showlegend: false,
    margin: { l: box.left, t: box.top, r: box.right, b: box.below, autoexpand: false }, // the canvas is as wide as the axis
    xaxis: {
      ...axis(frame.xs, frame.columns, box.upright ? box.below - (frame.xs.title ? 24 : 0) - APART : Infinity, columns),
      tickangle: box.upright ? -90 : 0,
    },
    yaxis: {
      ...axis(frame.ys, frame.rows, box.left - (frame.ys.title ? 24 : 0) - APART, rows),
      range: [frame.rows, 0],
    },
  });
}

// Round numbers from `low` to `high`, a `step` apart.
function roundNumbers({ low, high }, step) {
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

// Those beside the colour bar, closer where hardly any would be within its ends.
function barTicks(bar) {
  const span = bar.high - bar.low,
    rough = roundNumbers(bar, evenStep(span)),
    tickvals = rough.length < LEAST_TICKS ? roundNumbers(bar, evenStep(span / 2)) : rough;
  return { tickvals, ticktext: tickvals.map(value => String(Number(value.toPrecision(4))).replace("-", "−")) };
}

// A trace without points: it brings the colour bar.
function bar({ bar }) {
  const marker = bar && {
    color: [bar.low],
    cmin: bar.low,
    cmax: bar.high,
    colorscale: bar.stops,
    showscale: true,
    colorbar: {
      thickness: 11,
      outlinewidth: 0,
      len: 1,
      y: 0.5,
      xpad: 8,
      ypad: 0,
      title: { text: plain(bar.title), side: "right" },
      tickfont: { size: BAR_FONT },
      ...barTicks(bar),
    },
  };
  return { x: [null], y: [null], mode: "markers", type: "scatter", hoverinfo: "skip", marker: marker || {} };
}

function picture(axes, canvas, frame) {
  const image = {
    source: canvas.toDataURL(),
    xref: "x",
    yref: "y",
    x: 0,
    y: 0,
    sizex: frame.columns,
    sizey: frame.rows,
    sizing: "stretch",
    layer: "below",
  };
  return { data: axes.data, layout: { ...axes.layout, images: [image] } };
}
