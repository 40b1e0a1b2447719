// The blocks that Python packed: see drillcore/report/pack.py. Each is decoded once, when it is first wanted.

const TYPES = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
};
const known = new Map();
let index;

function bytes(name) {
  const text = atob(document.getElementById(`block-${name}`).textContent);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
}

async function decode(name) {
  const buffer = await (await bytes(name)).arrayBuffer();
  const padded = length => length + ((8 - (length % 8)) % 8);
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let offset = padded(4 + length);
  const arrays = {};
  for (const [key, type, shape] of head.arrays) {
    const count = shape.reduce((product, size) => product * size, 1);
    arrays[key] = new TYPES[type](buffer, offset, count);
    arrays[key].shape = shape;
    offset = padded(offset + arrays[key].byteLength);
  }
  return { ...head.meta, arrays };
}

function block(name) {
  if (!known.has(name)) known.set(name, decode(name));
  return known.get(name);
}

export async function open() {
  index = await block("index");
  const script = document.createElement("script");
  script.textContent = await (await bytes("plotly")).text();
  document.head.append(script);
  return index;
}

export const networks = () => index.networks;
export const network = name => index.networks.find(one => one.name === name);
export const provenance = () => index.provenance;
export const pairs = () => Object.keys(index.pairs);
export const pair = name => block(index.pairs[name].block);
export const replays = () => Object.keys(index.replays);
export const replay = name => block(index.replays[name]);
export const findings = () => index.findings;
// So many standard errors apart, two accuracies are said to differ.
export const errors = () => index.errors;
// What a reader calls a network or a pair of two.
export const titleOf = name => network(name)?.title ?? index.pairs[name]?.titles.join(" against ") ?? name;
// What counts the checkpoints of a network, and what a sample of it is.
export const axisOf = name => network(name)?.card?.axis ?? "epoch";
const nounOf = name => network(name)?.noun ?? "image";
const common = (names, of, otherwise) => {
  const found = new Set(names.map(of));
  return found.size === 1 ? [...found][0] : otherwise;
};
// Both for some networks, the general word where they differ.
export const wordsOf = names => [common(names, axisOf, "epoch"), common(names, nounOf, "sample")];
// Of `names` the network that a view is about, which it opens on.
export const studied = (view, names) => index.by_study[view]?.find(name => names.includes(name)) ?? names[0];
// Of a layer of a network with a squeeze: the colour, dashes and symbol of its line.
export const layerLook = layer => index.lines[layer];
// The effective ranks: their names, and what they are of.
export const effectiveRanks = () => index.ranks;

// The networks that have a topic, and the topic's block of one; null where it has not run.
export const withTopic = topic => index.networks.filter(one => one.blocks[topic]).map(one => one.name);
export const topic = (name, of) => (network(of)?.blocks[name] ? block(network(of).blocks[name]) : null);
