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
const NEAR = 30, REACH = 3
function snap(picture, colours) {
  const { width, height, data } = picture, rgb = colours.map(parts), known = new Map()
  const distances = colour => {
    if (!known.has(colour)) {
      const mine = parts(colour)
      known.set(colour, rgb.map(other => Math.hypot(...other.map((value, i) => value - mine[i]))))
    }
    return known.get(colour)
  }
  const nearest = (of, among) => among.reduce((best, i) => of[i] < of[best] ? i : best)
  const all = colours.map((_, i) => i), sure = new Int16Array(data.length)
  data.forEach((colour, place) => {
    const of = distances(colour), best = nearest(of, all)
    sure[place] = of[best] <= NEAR ? best : -1
  })
  const around = place => {
    const x = place % width, y = (place - x) / width, found = new Set()
    for (let py = Math.max(0, y - REACH); py <= Math.min(height - 1, y + REACH); py++) {
      for (let px = Math.max(0, x - REACH); px <= Math.min(width - 1, x + REACH); px++) found.add(sure[py * width + px])
    }
    found.delete(-1)
    return found.size ? [...found] : all
  }
  sure.forEach((best, place) => {
    data[place] = colours[best >= 0 ? best : nearest(distances(data[place]), around(place))]
  })
}
