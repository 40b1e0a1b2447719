// The two bands of an epoch, rows of pixels: the share of each kind of gradient, and the signs of those near zero.

const STACK = 40,
  GAP = 4,
  BALANCE = 24;
export const BAND = STACK + GAP + BALANCE;

// The kinds from the bottom up, positions in `kinds`; what is not near zero is what they leave.
const order = kinds => ["negative", "positive", "zero", "nan"].map(kind => kinds.indexOf(kind));

// Fills a column of an epoch, `first` its first pixel and `across` the pixels of a row, from the shares of the kinds.
export function fillBands(pixels, first, across, shares, kinds, colours) {
  const [negative, positive, ...others] = order(kinds),
    white = colours[kinds.indexOf("large")];
  const near = shares[negative] + shares[positive];
  stack(pixels, first, across, STACK, [negative, positive, ...others], shares, colours, white);
  for (let row = STACK; row < STACK + GAP; row++) pixels[first + row * across] = white;
  const signs = shares.map(share => (near ? share / near : 0));
  stack(pixels, first + (STACK + GAP) * across, across, BALANCE, [negative, positive], signs, colours, white);
}

// Divides `height` pixels by the shares of `kinds`; a pixel has the kind that its centre falls in.
function stack(pixels, first, across, height, kinds, shares, colours, white) {
  for (let row = 0; row < height; row++) {
    let left = (height - row - 0.5) / height;
    const kind = kinds.find(one => (left -= shares[one]) <= 0);
    pixels[first + row * across] = kind === undefined ? white : colours[kind];
  }
}

// Fills a column whose one parameter is of one kind.
export function fillWhole(pixels, first, across, colour) {
  for (let row = 0; row < BAND; row++) pixels[first + row * across] = colour;
}
