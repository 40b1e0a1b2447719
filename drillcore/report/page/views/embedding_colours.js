// What the maps of the view Embeddings are coloured by: classes, next tokens, or numbers.

import { plain } from "dom";
import { dotLine } from "views/shared";

const COLOURS = [
    ["label", "label"],
    ["prediction", "prediction"],
  ],
  OF_NUMBERS = [
    ["label", "target"],
    ["prediction", "prediction"],
  ],
  OF_TOKENS = [
    ["label", "next token"],
    ["prediction", "predicted token"],
  ],
  OF_ERRORS = [["label", "squared error"]];
export const MOST_CLASSES = 20,
  UNKNOWN = -1;

// Whether the network tells classes, so that predictions are right or wrong; and whether there are predictions to colour by.
export const judges = probe => probe.classified && probe.classes.length > 0;
export const predicts = probe =>
  judges(probe) || probe.arrays.returned !== undefined || probe.arrays.predicted_group !== undefined;
export const coloursOf = ({ arrays, groups }) =>
  arrays.targets ? OF_NUMBERS : groups ? OF_TOKENS : arrays.error ? OF_ERRORS : COLOURS;

// What samples are coloured by where it is a number: the target, or the error of what was made again.
export const numbersOf = ({ arrays }) => arrays.targets ?? arrays.error;

// What samples are coloured by where it is no number: the names and colours of the groups, and the group of each sample by
// its label and by what the network predicts. Of a text they are the most frequent of the next tokens.
export function groupsOf({ probe, data }) {
  const { labels, next_group, predicted_group } = probe.arrays;
  if (probe.groups) return { ...probe.groups, label: next_group, prediction: predicted_group ?? next_group };
  const prediction = judges(probe) ? data.arrays.predictions : labels;
  return { names: probe.classes, colours: probe.colours, label: labels, prediction };
}

export const groupName = ({ names }, label) => (label === UNKNOWN ? "unknown" : (names[label] ?? String(label)));

const groupColour = ({ colours }, label) => (label === UNKNOWN ? "#8c8c8c" : colours[label]);

// Room for a legend of so many classes, in pixels.
export function legendHeight(names, entries, width) {
  if (!names.length) return 0;
  const longest = Math.max(...names.map(name => name.length));
  return Math.max(60, 30 + 19 * Math.ceil((entries * (7 * longest + 40)) / width));
}

// Many classes share a trace in every layer, and these have the legend's entries of the first of those that are shown.
export function classKey(groups, labels) {
  const more = { name: `and ${labels.length - MOST_CLASSES} more`, marker: { color: "#0000" } };
  const entries = labels
    .slice(0, MOST_CLASSES)
    .map(label => ({ name: plain(groupName(groups, label)), marker: { color: groupColour(groups, label) } }));
  return [...entries, more].map((entry, i) => ({
    x: [null],
    y: [null],
    mode: "markers",
    type: "scatter",
    legendgroup: `key ${i}`,
    ...entry,
  }));
}

// The colours of numbers, the same in every layer, with one bar for all.
const numberColours = (scale, numbers, members, title) => ({
  color: members.map(i => numbers[i]),
  cmin: Math.min(...scale.filter(Number.isFinite)),
  cmax: Math.max(...scale.filter(Number.isFinite)),
  colorscale: "Viridis",
  line: dotLine(),
  showscale: title !== undefined,
  colorbar: { title: { text: title?.replace(" ", "<br>") }, thickness: 10, len: 0.4, x: 1, xanchor: "right", y: 1, yanchor: "top" },
});

export function classTraces(scene, of, shown, group, points, l, count, suffix) {
  const scale = numbersOf(scene.probe),
    { returned } = scene.probe.arrays,
    numbers = scene.colour === "prediction" && returned ? returned : scale;
  const groups = [...new Set(group)].sort((a, b) => a - b),
    many = groups.length > MOST_CLASSES;
  return (many ? [null] : groups).map(label => {
    const members = many ? shown : shown.filter(i => group[i] === label),
      at = k => members.map(i => points[(l * count + i) * 2 + k]);
    return {
      x: at(0),
      y: at(1),
      customdata: members,
      xaxis: `x${suffix}`,
      yaxis: `y${suffix}`,
      mode: "markers",
      type: "scatter",
      hoverinfo: "none",
      zorder: scene.probe.groups ? -label : 0, // the many that have no colour of theirs lie below
      name: many || !of.names.length ? "" : plain(groupName(of, label)),
      legendgroup: String(label),
      showlegend: l === 0 && !many && of.names.length > 0,
      marker: {
        size: 5.5,
        color: many ? members.map(i => groupColour(of, group[i])) : groupColour(of, label),
        opacity: 0.9,
        ...(scale && numberColours(scale, numbers, members, l ? undefined : Object.fromEntries(coloursOf(scene.probe))[scene.colour])),
      },
    };
  });
}
