// Colours of numbers: scales of 256 steps, as pixels and as plotly.js takes them.

const DIVERGING = [
  "#053061",
  "#2166ac",
  "#4393c3",
  "#92c5de",
  "#d1e5f0",
  "#f7f7f7",
  "#fddbc7",
  "#f4a582",
  "#d6604d",
  "#b2182b",
  "#67001f",
]; // ColorBrewer's RdBu, reversed
const SEQUENTIAL = [
  "#440154",
  "#482878",
  "#3e4989",
  "#31688e",
  "#26828e",
  "#1f9e89",
  "#35b779",
  "#6ece58",
  "#b5de2b",
  "#fde725",
]; // viridis
// Of correlations as drillcore/report/pack.py keeps them: their steps or levels, and what stands for none.
export const STEPS = 64,
  LEVELS = 127,
  NO_VALUE = -128;
// Below which lightness text on a colour is light, and a line on a dark page too dark.
const DARK = 120,
  TOO_DARK = 85;
const MISSING = "#a6a6a6";

export const rgb = hex => [1, 3, 5].map(start => parseInt(hex.slice(start, start + 2), 16));

// A line's colour, which on a dark page must not be too dark to see.
export function onPage(hex) {
  const dark = document.documentElement.dataset.theme === "dark" && lightness(pixel(rgb(hex))) < TOO_DARK;
  return dark
    ? `rgb(${rgb(hex)
        .map(part => Math.round(part + (255 - part) * 0.5))
        .join(",")})`
    : hex;
}

// A pixel as a canvas stores it on a little-endian machine.
export const pixel = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

export const missing = pixel(rgb(MISSING));

function scale(stops) {
  const pixels = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const start = (i / 255) * (stops.length - 1),
      low = Math.min(stops.length - 2, Math.floor(start));
    const [a, b] = [rgb(stops[low]), rgb(stops[low + 1])];
    pixels[i] = pixel(a.map((part, channel) => Math.round(part + (b[channel] - part) * (start - low))));
  }
  return { pixels, stops: stops.map((stop, i) => [i / (stops.length - 1), stop]) };
}

export const diverging = scale(DIVERGING);
export const sequential = scale(SEQUENTIAL);

// The pixels of `values` between `low` and `high`; what is no number is grey.
export function paint(values, { pixels }, low, high) {
  return Uint32Array.from(values, value =>
    Number.isFinite(value)
      ? pixels[Math.max(0, Math.min(255, Math.round(((value - low) / (high - low)) * 255)))]
      : missing,
  );
}

// By the unsigned byte of an int8 correlation: its pixel.
export const correlationPixels = Uint32Array.from({ length: 256 }, (_, byte) => {
  const value = byte < 128 ? byte : byte - 256;
  return value === NO_VALUE ? missing : diverging.pixels[Math.round(((value / STEPS + 1) / 2) * 255)];
});

// Whether text on a pixel should be light.
export const isDark = value => lightness(value) < DARK;

function lightness(value) {
  return 0.3 * (value & 255) + 0.59 * ((value >> 8) & 255) + 0.11 * ((value >> 16) & 255);
}
