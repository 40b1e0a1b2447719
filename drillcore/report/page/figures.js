// A figure: its title, its drawing, a caption that says how to read it, and buttons that save it.

import { download, h, plain, themed, unplain } from "dom";

/* global Plotly */

const LEGEND_LINE = 19,
  LEGEND_LETTER = 6.4;

export function layout(more = {}) {
  const axis = {
    gridcolor: themed("--grid"),
    zerolinecolor: themed("--line"),
    linecolor: themed("--line"),
    automargin: true,
    ticks: "outside",
    tickcolor: themed("--line"),
    title: { standoff: 8 },
  };
  const { xaxis = {}, yaxis = {}, ...rest } = more;
  return {
    paper_bgcolor: themed("--panel"),
    plot_bgcolor: themed("--panel"),
    font: { family: "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", size: 12, color: themed("--ink") },
    margin: { l: 58, r: 16, t: 10, b: 44 },
    showlegend: true,
    hovermode: "closest",
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, font: { size: 11.5 } },
    hoverlabel: { font: { size: 12 } },
    xaxis: { ...axis, ...xaxis },
    yaxis: { ...axis, ...yaxis },
    ...rest,
  };
}

export const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset", typesetMath: false };

// `id` names the figure in the page and its files.
export function figure(root, { id, title, note = "", full = false }) {
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
    heading.textContent = title;
    if (note !== undefined) caption.textContent = note;
    one.described.setAttribute("aria-label", `${title}. ${note ?? caption.textContent}`);
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
    const width = one.plot.clientWidth,
      below = 50 + LEGEND_LINE * legendLines(traces, more, width);
    const shape = { width, height: (options.height ?? 300) + below, margin: { l: 58, r: 16, t: 10, b: below } };
    return Plotly.react(one.plot, traces, layout({ ...shape, ...more }), CONFIG);
  };
  one.again = () => last && one.draw(...last);
  return one;
}

// About how many lines the legend takes: it has them to itself below the axis, whatever the width.
function legendLines(traces, { showlegend = true }, width) {
  const names = showlegend
    ? traces.filter(trace => trace.name && trace.showlegend !== false).map(trace => trace.name)
    : [];
  const widest = Math.max(0, ...names.map(name => name.length)) * LEGEND_LETTER + 50;
  return names.length > 1 ? Math.ceil(names.length / Math.max(1, Math.floor((width - 74) / widest))) : 0;
}

async function savePicture(one, title, format) {
  const { data, layout: shown } = one.picture();
  const head = {
    title: { text: plain(title), font: { size: 14 }, x: 0.02, xanchor: "left", y: 0.99, yanchor: "top" },
    margin: { ...shown.margin, t: shown.margin.t + 28 },
    height: shown.height + 28,
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

// The rows of a chart's traces: the series, x and y.
function tableOf(traces) {
  const rows = traces
    .filter(trace => trace.y && trace.showinfile !== false)
    .flatMap(trace => Array.from(trace.y, (y, i) => [unplain(trace.name ?? ""), trace.x[i], y]));
  return { columns: ["series", "x", "y"], rows };
}

export function csv({ columns, rows }) {
  const cell = value => {
    const text = value === null || value === undefined || Number.isNaN(value) ? "" : String(value);
    // A spreadsheet would run what begins so as a formula.
    const safe = typeof value === "string" && /^[=+@\t\r\n-]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  return [columns, ...rows].map(row => row.map(cell).join(",")).join("\n") + "\n";
}
