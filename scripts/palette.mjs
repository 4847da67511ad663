// Reduces a screenshot to a third of its size with a palette of 256 colours. Apart from anti-aliased text, pages have fewer.
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE_BYTES = 8;
const COLOURS = 256;
/** Colours closer than this squared distance are merged. */
const ALIKE = 90;

function* chunks(png) {
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const length = png.readUInt32BE(at);
    yield { type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) };
    at += 12 + length;
  }
}

function chunk(type, data) {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(data.length, 0);
  numbers.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([numbers.subarray(0, 4), named, numbers.subarray(4)]);
}

/** The predictions of the PNG filters for a byte (PNG section 9). */
function guess(filter, left, up, corner) {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
      return a <= b && a <= c ? left : b <= c ? up : corner;
    }
    default:
      return 0;
  }
}

function pixelsOf(raw, width, height, channels) {
  const stride = width * channels;
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < channels ? 0 : pixels[at - channels];
      const up = y === 0 ? 0 : pixels[at - stride];
      const corner = x < channels || y === 0 ? 0 : pixels[at - stride - channels];
      pixels[at] = raw[y * (stride + 1) + 1 + x] + guess(filter, left, up, corner);
    }
  }
  return pixels;
}

function distance(one, other) {
  let far = 0;
  for (const shift of [16, 8, 0]) far += (((one >> shift) & 255) - ((other >> shift) & 255)) ** 2;
  return far;
}

function nearest(colour, palette) {
  let best = 0;
  for (const [index, other] of palette.entries())
    if (distance(colour, other) < distance(colour, palette[best])) best = index;
  return best;
}

/** The most frequent colours without near duplicates, so that a rare red is not displaced by shades of grey. */
function choose(uses) {
  const palette = [];
  for (const [colour] of [...uses].sort((one, other) => other[1] - one[1])) {
    if (palette.length === COLOURS) break;
    if (palette.length === 0 || distance(colour, palette[nearest(colour, palette)]) > ALIKE)
      palette.push(colour);
  }
  return palette;
}

/** Converts an opaque image with 8 bits per channel to a palette image. */
export function withPalette(png) {
  const parts = [...chunks(png)];
  const header = parts[0].data;
  const [width, height, channels] = [header.readUInt32BE(0), header.readUInt32BE(4), header[9] === 6 ? 4 : 3];
  const data = parts.filter(({ type }) => type === 'IDAT').map((part) => part.data);
  const pixels = pixelsOf(inflateSync(Buffer.concat(data)), width, height, channels);
  const colours = new Uint32Array(width * height);
  const uses = new Map();
  for (let index = 0; index < colours.length; index++) {
    const colour = pixels.readUIntBE(index * channels, 3);
    colours[index] = colour;
    uses.set(colour, (uses.get(colour) ?? 0) + 1);
  }
  const palette = choose(uses);
  const places = new Map([...uses.keys()].map((colour) => [colour, nearest(colour, palette)]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let index = 0; index < colours.length; index++)
    rows[Math.floor(index / width) * (width + 1) + 1 + (index % width)] = places.get(colours[index]);
  const indexed = Buffer.from(header);
  indexed[9] = 3;
  const table = Buffer.alloc(palette.length * 3);
  for (const [index, colour] of palette.entries()) table.writeUIntBE(colour, index * 3, 3);
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    chunk('IHDR', indexed),
    chunk('PLTE', table),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
