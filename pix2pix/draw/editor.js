// The editor: tools, undo, examples, files, keys. After each stroke the engine draws, and while drawing if it is fast.
const config = JSON.parse(document.getElementById('config').textContent), $ = id => document.getElementById(id)
const { width, height } = config, colours = config.palette.map(colour => toColour(colour.code))
const background = toColour(config.background), MOST_UNDO = 100, FAST = 150
const canvas = $('drawing'), context = canvas.getContext('2d'), picture = $('picture').getContext('2d')
const image = context.createImageData(width, height)
const drawing = { width, height, data: new Uint32Array(image.data.buffer) }
const SHAPES = ['line', 'rectangle']                    // drawn anew at each move
const dark = values => values.reduce((a, b) => brightness(toCode(a)) <= brightness(toCode(b)) ? a : b)
const brightness = code => [1, 3, 5].reduce((sum, i) => sum + parseInt(code.slice(i, i + 2), 16), 0)
const sizes = config.pencil ? { brush: 2, line: 2, eraser: 24 } : { brush: 8, line: 4, eraser: 16 }
let tool = config.pencil || !config.palette.length ? 'brush' : 'rectangle'
let colour = config.pencil && colours.length ? dark(colours) : colours.find(c => c != background && c != colours[0]) ??
  colours.find(c => c != background) ?? toColour('#000000')
let undone = [], done = [], stroke = null, shown = -1, opening = 0, decoding = 0

// The picture: the newest drawing alone, however many strokes came while the one before was drawn.
let engine = null, busy = false, wanted = false, fresh = false, milliseconds = Infinity
async function redraw() {
  wanted = true
  fresh = false
  if (busy || !engine) return
  busy = true
  state('drawing')
  while (wanted) {
    wanted = false
    try {
      const drawn = await engine.draw(image.data.slice())
      picture.putImageData(new ImageData(new Uint8ClampedArray(drawn.pixels), width, height), 0, 0)
      milliseconds = drawn.milliseconds
      fresh = !wanted
      $('time').textContent = `${Math.round(milliseconds)} ms`
      say(`ready: drawn ${engine.name}`)
      complain('')
    } catch (error) {
      if (!wanted) complain(error.message)
    }
  }
  busy = false
  state(decoding ? 'opening' : 'ready')
}
const state = now => { document.body.dataset.state = now }
const say = text => { $('status').textContent = text }
const note = text => { $('note').textContent = text }
const complain = text => { $('error').textContent = text; $('error').hidden = !text }

// Strokes. A stroke keeps what was there before it: shapes begin anew from it, and undo goes back to it.
const paint = () => context.putImageData(image, 0, 0)
const now = () => tool == 'eraser' ? background : colour
function begin(at) {
  if (tool == 'pipette') return choose(drawing.data[at.y * width + at.x])
  stroke = { before: drawing.data.slice(), from: at, at }
  if (tool == 'fill') {
    fill(drawing, at.x, at.y, colour)
    return finish()
  }
  extend(at)
}
function extend(at) {
  if (SHAPES.includes(tool)) drawing.data.set(stroke.before)
  if (tool == 'rectangle') rectangle(drawing, stroke.from, at, now())
  else line(drawing, tool == 'line' ? stroke.from : stroke.at, at, sizes[tool], now())
  stroke.at = at
  paint()
  if (milliseconds < FAST) redraw()
}
function finish() {
  const before = stroke.before
  stroke = null
  changed(before)
}
function giveUp() {
  if (!stroke) return
  drawing.data.set(stroke.before)
  stroke = null
  paint()
  redraw()
}
function changed(before) {
  if (before.some((value, place) => value != drawing.data[place])) {
    done = [...done, before].slice(-MOST_UNDO)
    undone = []
  }
  refresh()
}
function go(from, to) {
  if (stroke || !from.length) return
  to.push(drawing.data.slice())
  drawing.data.set(from.pop())
  refresh()
}
function refresh() {
  $('undo').disabled = !done.length
  $('redo').disabled = !undone.length
  paint()
  redraw()
}
function replace(data) {
  giveUp()
  const before = drawing.data.slice()
  drawing.data.set(data)
  changed(before)
}

// Tools and colours.
function take(name) {
  giveUp()
  tool = name
  for (const button of document.querySelectorAll('[data-tool]')) check(button, button.dataset.tool == tool)
  $('size').disabled = !(tool in sizes)
  if (tool in sizes) $('size').value = $('size-now').textContent = sizes[tool]
}
function choose(value) {
  colour = value
  for (const button of document.querySelectorAll('[data-colour]')) check(button, toColour(button.dataset.colour) == colour)
  if ($('colour')) $('colour').value = toCode(colour)
  if (['eraser', 'pipette'].includes(tool)) take(config.pencil || !colours.length ? 'brush' : 'rectangle')
}
const check = (button, is) => button.setAttribute('aria-checked', is)
function resize(size) {
  if (!(tool in sizes)) return
  sizes[tool] = Math.min(Math.max(size, 1), 64)
  take(tool)
}

// Pictures from elsewhere take the size of the drawing. Where there is a palette, each pixel takes its nearest colour.
// Of several that are opened, the last counts. Whether it was read.
async function opened(blob, words) {
  const mine = ++opening
  let bitmap = null
  decoding++
  state('opening')
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' })
  } catch {
    if (mine == opening) note(`${words} is no picture that this browser can read: open a PNG or a JPEG`)
  }
  decoding--
  if (!busy && !decoding && engine) state('ready')
  if (!bitmap || mine != opening) return false
  const scratch = new OffscreenCanvas(width, height).getContext('2d')
  scratch.imageSmoothingEnabled = !colours.length
  scratch.fillStyle = '#fff'
  scratch.fillRect(0, 0, width, height)
  scratch.drawImage(bitmap, 0, 0, width, height)
  const read = { width, height, data: new Uint32Array(scratch.getImageData(0, 0, width, height).data.buffer) }
  if (colours.length) snap(read, colours)
  replace(read.data)
  const resized = bitmap.width != width || bitmap.height != height
  note(resized ? `${words}: ${bitmap.width} x ${bitmap.height} pixels became ${width} x ${height}` : '')
  return true
}
async function open(file) {
  if (file && await opened(file, file.name || 'the copied picture')) leaveExample()
}

// Examples: the sources of pairs that were held out, with their real pictures beside.
const blobOf = address => {
  const [head, text] = address.split(','), bytes = atob(text)
  return new Blob([Uint8Array.from(bytes, c => c.charCodeAt(0))], { type: head.slice(5).split(';')[0] })
}
async function example(number) {
  const count = config.examples.length
  if (!count) return
  shown = (number + count) % count
  const { name, source, target } = config.examples[shown]
  $('example').textContent = `${shown + 1} of ${count}`
  history.replaceState(null, '', `#example=${shown + 1}`)
  if (!await opened(blobOf(source), name)) return
  $('photo-image').src = target
  $('photo').hidden = false
}
function leaveExample() {
  shown = -1
  $('photo').hidden = true
  if (config.examples.length) $('example').textContent = `${config.examples.length} examples`
  history.replaceState(null, '', location.pathname + location.search)
}
const wished = () => Number((location.hash.match(/^#example=(\d+)$/) || [])[1])
function random() {
  const others = config.examples.map((_, i) => i).filter(i => i != shown)
  example(others.length ? others[Math.floor(Math.random() * others.length)] : 0)
}

async function save(what) {
  while (busy) await new Promise(resolve => setTimeout(resolve, 20))
  if (what != 'drawing' && !fresh) return note('there is no picture of this drawing: nothing was saved')
  const both = new OffscreenCanvas(what == 'both' ? 2 * width : width, height), to = both.getContext('2d')
  if (what != 'picture') to.drawImage(canvas, 0, 0)
  if (what != 'drawing') to.drawImage($('picture'), what == 'both' ? width : 0, 0)
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await both.convertToBlob({ type: 'image/png' }))
  link.download = `${config.name}-${what}.png`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}

// Mouse, pen and touch.
const place = event => {
  const box = canvas.getBoundingClientRect()
  const within = (value, size) => Math.min(Math.max(Math.floor(value), 0), size - 1)
  return { x: within((event.clientX - box.left) * width / box.width, width),
           y: within((event.clientY - box.top) * height / box.height, height) }
}
canvas.addEventListener('pointerdown', event => {
  if (!event.isPrimary || event.button || stroke) return
  canvas.setPointerCapture(event.pointerId)
  $('pen').hidden = true
  begin(place(event))
})
canvas.addEventListener('pointermove', event => {
  if (!event.isPrimary || !stroke || !canvas.hasPointerCapture(event.pointerId)) return
  const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : []
  for (const move of SHAPES.includes(tool) || !moves.length ? [event] : moves) extend(place(move))
})
canvas.addEventListener('pointerup', event => { if (event.isPrimary && stroke) finish() })
canvas.addEventListener('pointercancel', event => { if (event.isPrimary) giveUp() })

// Keys.
const pen = { x: width >> 1, y: height >> 1 }
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
function showPen() {
  Object.assign($('pen').style, { left: `${100 * (pen.x + .5) / width}%`, top: `${100 * (pen.y + .5) / height}%` })
  $('pen').hidden = false
  $('pen').classList.toggle('down', !!stroke)
}
canvas.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key in ARROWS) {
    const by = event.shiftKey ? 16 : 1, [dx, dy] = ARROWS[event.key]
    pen.x = Math.min(Math.max(pen.x + by * dx, 0), width - 1)
    pen.y = Math.min(Math.max(pen.y + by * dy, 0), height - 1)
    if (stroke) extend({ ...pen })
  } else if (event.key == ' ' || event.key == 'Enter') {
    if (stroke) finish()
    else begin({ ...pen })
  } else return
  event.preventDefault()
  showPen()
})
canvas.addEventListener('blur', () => { giveUp(); $('pen').hidden = true })
const KEYS = { n: () => example(shown + 1), p: () => example(shown < 0 ? -1 : shown - 1), x: random, o: () => $('open').click(),
               s: () => save('both'), '[': () => resize(sizes[tool] - 1), ']': () => resize(sizes[tool] + 1), Escape: giveUp }
for (const [name, key] of config.tools) KEYS[key.toLowerCase()] = () => take(name)
colours.slice(0, 9).forEach((value, i) => { KEYS[i + 1] = () => choose(value) })
document.addEventListener('keydown', event => {
  const key = event.key.length == 1 ? event.key.toLowerCase() : event.key
  if (event.ctrlKey || event.metaKey) {
    const redo = key == 'y' || key == 'z' && event.shiftKey
    if (redo) go(undone, done)
    else if (key == 'z') go(done, undone)
    else return
    return event.preventDefault()
  }
  if (!event.altKey && KEYS[key]) KEYS[key]()
})

for (const button of document.querySelectorAll('[data-tool]')) button.addEventListener('click', () => take(button.dataset.tool))
for (const button of document.querySelectorAll('[data-colour]')) button.addEventListener('click', () => choose(toColour(button.dataset.colour)))
const click = (id, what) => $(id)?.addEventListener('click', what)
click('undo', () => go(done, undone))
click('redo', () => go(undone, done))
click('clear', () => replace(new Uint32Array(width * height).fill(background)))
click('before', KEYS.p)
click('next', KEYS.n)
click('random', random)
for (const what of ['drawing', 'picture', 'both']) click(`save-${what}`, () => save(what))
$('size').addEventListener('input', () => resize(Number($('size').value)))
$('colour')?.addEventListener('input', () => choose(toColour($('colour').value)))
$('open').addEventListener('change', () => { open($('open').files[0]); $('open').value = '' })
document.addEventListener('paste', event => open(event.clipboardData.files[0]))
document.addEventListener('dragover', event => event.preventDefault())
document.addEventListener('drop', event => { event.preventDefault(); open(event.dataTransfer.files[0]) })
addEventListener('hashchange', () => {
  if (wished() <= config.examples.length && wished() != shown + 1) example(wished() - 1)
})

async function start() {
  drawing.data.fill(background)
  take(tool)
  choose(colour)
  refresh()
  if (config.examples.length) {
    const there = config.examples.length, missing = wished() > there
    await example(wished() <= there ? wished() - 1 : 0)
    if (missing) note(`there are ${there} examples: this is the first`)
    done = []
    refresh()
  }
  if (!$('end')) {
    say('nothing can be drawn')
    complain('this page was cut off: copy it again')
    return state('failed')
  }
  try {
    engine = await (config.engine == 'server' ? byTheServer(config, say) : inThisPage(config))
  } catch (error) {
    say('nothing can be drawn')
    complain(error.message)
    return state('failed')
  }
  redraw()
}
// What lies behind this script is there then, the model too.
document.addEventListener('DOMContentLoaded', start)
