// A figure: its title, its drawing, a caption that says how to read it, and buttons that save it.

import { download, h, number, plain, themed, unplain } from "dom";
import { inWords } from "words";

/* global Plotly */

export const FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const LEGEND_LINE = 19,
  LEGEND_FONT = 11.5,
  LEGEND_KEY = 46,
  TITLE_FONT = 14.4,
  HEADLINE_FONT = 14,
  TITLE_LINE = 18,
  TITLE_GAP = 8;
// Of logarithmic axes: up to so many decades 1, 2 and 5 of each have a tick; fewer than the least have even steps.
const MOST_DECADES = 2.5,
  LEAST_DECADES = 0.8,
  MOST_POWERS = 7,
  LEAST_PLAIN = 1e-3,
  MOST_PLAIN = 1e5;
// Of axes of either sign: linear about so far from 0, and all of it where no value is larger than the most.
const LINEAR_WIDTH = 0.5,
  MOST_LINEAR = 10;

// Of an axis or a colour bar of shares: round percentages up to the largest of `values`, as the rest of the page writes them.
export function shareTicks(values) {
  const high = values.filter(Number.isFinite).reduce((most, value) => Math.max(most, value), 0) || 1,
    step = evenStep(0.75 * high),
    tickvals = Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, i) => i * step);
  return { tickvals, ticktext: tickvals.map(value => `${Number((100 * value).toPrecision(3))} %`) };
}

export function layout(more = {}) {
  const axis = {
    gridcolor: themed("--grid"),
    zerolinecolor: themed("--line"),
    linecolor: themed("--line"),
    automargin: true,
    ticks: "outside",
    tickcolor: themed("--line"),
  };
  const withTitle = ({ title, ...more }) => ({ ...axis, ...more, title: { standoff: TITLE_GAP, ...title } });
  const { xaxis = {}, yaxis = {}, ...rest } = more;
  return {
    paper_bgcolor: themed("--panel"),
    plot_bgcolor: themed("--panel"),
    font: { family: FONT, size: 12, color: themed("--ink") },
    margin: { l: 58, r: 16, t: 10, b: 44 },
    showlegend: true,
    hovermode: "closest",
    legend: {
      orientation: "h",
      yref: "container",
      y: 0,
      yanchor: "bottom",
      x: 0,
      maxheight: 0.95,
      font: { size: LEGEND_FONT },
    },
    hoverlabel: { font: { size: 12 } },
    xaxis: withTitle(xaxis),
    yaxis: withTitle(yaxis),
    ...rest,
  };
}

// A logarithmic axis for `values`: every number at a tick is whole, 20 or a power of ten, never a 2 alone.
export function logAxis(values) {
  const positive = values.filter(value => value > 0),
    [low, high] = positive.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [
      Infinity,
      -Infinity,
    ]);
  if (!positive.length) return { type: "log", dtick: 1 };
  const decades = Math.log10(high / low),
    plainly = low >= LEAST_PLAIN && high <= MOST_PLAIN;
  if (decades < LEAST_DECADES) return { type: "log", dtick: `L${evenStep(high - low || high)}`, tickformat: ",~g" };
  return {
    type: "log",
    dtick: decades > MOST_DECADES ? Math.ceil(decades / MOST_POWERS) : "D2",
    ...(plainly || decades <= MOST_DECADES ? { tickformat: plainly ? ",.1~r" : ".1~e" } : { exponentformat: "power" }),
    minor: { dtick: "D1", ticks: "outside", ticklen: 3, tickcolor: themed("--line") },
  };
}

// A round step of which about four make `span`.
export function evenStep(span) {
  const power = 10 ** Math.floor(Math.log10(span / 4));
  return power * [1, 2, 5, 10].find(factor => factor * power * 4.5 >= span);
}

// A scale for `values` of either sign that differ by orders of magnitude, linear around 0 and logarithmic beyond, as in
// drillcore/figures/curvature.py: its axis, and `at`, which maps a value onto it, for plotly.js has no such axis.
export function signedScale(values) {
  const [low, high] = values
    .filter(Number.isFinite)
    .reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 0]);
  const most = Math.max(-low, high);
  if (most <= MOST_LINEAR) return { at: value => value, axis: {} };
  const at = value => Math.asinh(value / LINEAR_WIDTH),
    powers = Array.from({ length: Math.ceil(Math.log10(most)) + 1 }, (_, i) => 10 ** i),
    ticks = [...powers.map(power => -power).reverse(), 0, ...powers];
  return {
    at,
    axis: {
      tickvals: ticks.map(at),
      ticktext: ticks.map(tick => number(tick).replace("-", "−")),
      range: [at(1.6 * low - 0.1), at(1.6 * high + 0.1)],
    },
  };
}

export const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset", typesetMath: false };

// `id` names the figure in the page and its files.
export function figure(root, { id, title: titled, note: noted = "", full = false }) {
  const [title, note] = [titled, noted].map(inWords);
  const plot = h("div", { class: "plot", role: "img", "aria-label": `${title}. ${note}` });
  const heading = h("h3", {}, title),
    caption = h("figcaption", {}, note);
  const saves = h("div", { class: "saves" });
  const node = h(
    "figure",
    { id, class: full ? "full" : "" },
    h("div", { class: "head" }, heading, saves),
    plot,
    caption,
  );
  root.append(node);
  const one = { node, plot, caption, id, described: plot, picture: () => plot, table: () => tableOf(plot.data ?? []) };
  one.say = (title, note) => {
    heading.textContent = inWords(title);
    if (note !== undefined) caption.textContent = inWords(note);
    one.described.setAttribute("aria-label", `${heading.textContent}. ${caption.textContent}`);
  };
  for (const format of ["png", "svg"]) {
    saves.append(
      h(
        "button",
        {
          type: "button",
          title: `Save as ${format.toUpperCase()}`,
          "data-save": format,
          onclick: () => savePicture(one, heading.textContent, format),
        },
        format.toUpperCase(),
      ),
    );
  }
  saves.append(
    h(
      "button",
      {
        type: "button",
        title: "Save the numbers as CSV",
        "data-save": "csv",
        onclick: () => saveTable(id, one.table()),
      },
      "CSV",
    ),
  );
  return one;
}

// A chart of plotly.js; `draw` draws traces, and again what changed.
export function chart(root, options) {
  const one = figure(root, options);
  let last;
  one.draw = (traces, more = {}) => {
    last = [traces, more];
    traces = traces.map(trace => ({ ...trace, hovertemplate: inWords(trace.hovertemplate) }));
    const width = one.plot.clientWidth,
      height = options.height ?? 300,
      axes = { xaxis: titled(more.xaxis, width - 74), yaxis: titled(more.yaxis, height - 10) };
    const titleLines = axes.xaxis.title.text.split("<br>").length,
      below = 32 + TITLE_LINE * titleLines + LEGEND_LINE * legendLines(traces, more, width);
    const shape = { width, height: height + below, margin: { l: 58, r: 16, t: 10, b: below } };
    return Plotly.react(one.plot, traces, layout({ ...shape, ...more, ...axes }), CONFIG);
  };
  one.again = () => last && one.draw(...last);
  return one;
}

// `text` in lines of so many pixels at a size of the font.
function wrapped(text, pixels, size) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (textWidth(longer, size) > pixels && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

// An axis with its title in as many lines as it takes on so many pixels.
function titled(axis = {}, pixels) {
  const text = wrapped(inWords(axis.title?.text ?? ""), pixels, TITLE_FONT).join("<br>");
  return { ...axis, title: { ...axis.title, text } };
}

const pen = document.createElement("canvas").getContext("2d");

// How many pixels wide a text is.
export function textWidth(text, size) {
  pen.font = `${size}px ${FONT}`;
  return pen.measureText(text).width;
}

// About how many lines the legend takes: it has them to itself below the axis, whatever the width.
function legendLines(traces, { showlegend = true }, width) {
  const names = showlegend
    ? traces.filter(trace => trace.name && trace.showlegend !== false).map(trace => trace.name)
    : [];
  const widest = Math.max(0, ...names.map(name => textWidth(unplain(name), LEGEND_FONT))) + LEGEND_KEY;
  return names.length > 1 ? Math.ceil(names.length / Math.max(1, Math.floor((width - 74) / widest))) : 0;
}

async function savePicture(one, title, format) {
  const { data, layout: shown } = one.picture();
  const lines = wrapped(title, 0.96 * shown.width, HEADLINE_FONT),
    above = 14 + TITLE_LINE * lines.length,
    text = lines.map(plain).join("<br>"),
    height = shown.height + above,
    middle = 8 + (TITLE_LINE * (lines.length - 1)) / 2; // plotly.js puts half of the further lines above
  const head = {
    title: { text, font: { size: HEADLINE_FONT }, x: 0.02, xanchor: "left", y: 1 - middle / height, yanchor: "top" },
    margin: { ...shown.margin, t: shown.margin.t + above },
    height,
  };
  const picture = { data, layout: { ...shown, ...head }, config: CONFIG };
  const url = await Plotly.toImage(picture, {
    format,
    width: shown.width,
    height: head.height,
    scale: format === "png" ? 2 : 1,
  });
  download(`${one.id}.${format}`, url);
}

function saveTable(id, table) {
  const url = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" }));
  download(`${id}.csv`, url);
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// The rows of a chart's traces: the series, x and y, which is in `values` where the axis has another scale.
function tableOf(traces) {
  const rows = traces
    .filter(trace => trace.y && trace.showinfile !== false)
    .flatMap(trace => Array.from(trace.values ?? trace.y, (y, i) => [unplain(trace.name ?? ""), trace.x[i], y]));
  return { columns: ["series", "x", "y"], rows };
}

export function csv({ columns, rows }) {
  const cell = value => {
    const text = value === null || value === undefined || Number.isNaN(value) ? "" : String(value);
    // A spreadsheet would run what begins so as a formula.
    const safe = typeof value === "string" && /^[=+@\t\r\n-]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  return [columns.map(inWords), ...rows].map(row => row.map(cell).join(",")).join("\n") + "\n";
}
