// Drawing on a picture of whole pixels: { width, height, data }, where data is a Uint32Array, a colour a pixel. Nothing
// is smoothed: a label map has no colours between its own.

function stamp(picture, x, y, size, colour) {
  const from = -Math.floor((size - 1) / 2), radius = size / 2, centre = size % 2 ? 0 : 0.5
  for (let dy = from; dy < from + size; dy++) {
    for (let dx = from; dx < from + size; dx++) {
      const inside = size < 3 || (dx - centre) ** 2 + (dy - centre) ** 2 <= radius ** 2
      const px = x + dx, py = y + dy
      if (inside && px >= 0 && py >= 0 && px < picture.width && py < picture.height) {
        picture.data[py * picture.width + px] = colour
      }
    }
  }
}

function line(picture, from, to, size, colour) {
  const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1)
  for (let i = 0; i <= steps; i++) {
    const x = Math.round(from.x + (to.x - from.x) * i / steps), y = Math.round(from.y + (to.y - from.y) * i / steps)
    stamp(picture, x, y, size, colour)
  }
}

function rectangle(picture, from, to, colour) {
  const within = (value, size) => Math.min(Math.max(value, 0), size - 1)
  const [left, right] = [from.x, to.x].map(x => within(x, picture.width)).sort((a, b) => a - b)
  const [top, bottom] = [from.y, to.y].map(y => within(y, picture.height)).sort((a, b) => a - b)
  for (let y = top; y <= bottom; y++) picture.data.fill(colour, y * picture.width + left, y * picture.width + right + 1)
}

// All pixels of one colour that hang together with this one.
function fill(picture, x, y, colour) {
  const { width, height, data } = picture, before = data[y * width + x], todo = [y * width + x]
  if (before == colour) return
  while (todo.length) {
    const place = todo.pop()
    if (data[place] != before) continue
    const start = place - place % width, end = start + width
    let left = place, right = place + 1
    while (left > start && data[left - 1] == before) left--
    while (right < end && data[right] == before) right++
    data.fill(colour, left, right)
    for (const row of [-width, width]) {
      for (let i = left + row; i < right + row; i++) {
        if (i >= 0 && i < width * height && data[i] == before) todo.push(i)
      }
    }
  }
}

// '#rrggbb' <-> a colour as a Uint32Array of canvas pixels has it.
const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] == 1
const toColour = code => {
  const [r, g, b] = [1, 3, 5].map(i => parseInt(code.slice(i, i + 2), 16))
  return (LITTLE ? 0xff000000 | b << 16 | g << 8 | r : r << 24 | g << 16 | b << 8 | 0xff) >>> 0
}
const parts = colour => LITTLE ? [colour & 255, colour >>> 8 & 255, colour >>> 16 & 255]
  : [colour >>> 24, colour >>> 16 & 255, colour >>> 8 & 255]
const toCode = colour => '#' + parts(colour).map(value => value.toString(16).padStart(2, '0')).join('')

// Each pixel to a colour of a palette. At the edges of a JPEG there are mixtures: such a pixel takes the nearest of the
// colours that are near it in the picture, and not a third one that happens to lie between them.
const NEAR = 30 ** 2, REACH = 3
function snap(picture, colours) {
  const { width, height, data } = picture, rgb = colours.map(parts), unsure = 255, known = new Map()
  const distance = (colour, i) => {
    const [r, g, b] = LITTLE ? [colour & 255, colour >>> 8 & 255, colour >>> 16 & 255] : parts(colour)
    return (r - rgb[i][0]) ** 2 + (g - rgb[i][1]) ** 2 + (b - rgb[i][2]) ** 2
  }
  const nearest = (colour, allowed) => {
    let best = -1, least = Infinity
    for (let i = 0; i < rgb.length; i++) {
      const far = allowed[i] ? distance(colour, i) : Infinity
      if (far < least) [best, least] = [i, far]
    }
    return [best, least]
  }
  const all = new Uint8Array(256).fill(1), classes = new Uint8Array(data.length)
  data.forEach((colour, place) => {
    if (!known.has(colour)) {
      const [best, least] = nearest(colour, all)
      known.set(colour, least <= NEAR ? best : unsure)
    }
    classes[place] = known.get(colour)
  })
  const around = new Uint8Array(256)
  classes.forEach((found, place) => {
    if (found == unsure) {
      const x = place % width, y = (place - x) / width
      around.fill(0)
      for (let py = Math.max(0, y - REACH); py <= Math.min(height - 1, y + REACH); py++) {
        for (let px = Math.max(0, x - REACH); px <= Math.min(width - 1, x + REACH); px++) around[classes[py * width + px]] = 1
      }
      around[unsure] = 0
      found = nearest(data[place], around.includes(1) ? around : all)[0]
    }
    data[place] = colours[found]
  })
}
