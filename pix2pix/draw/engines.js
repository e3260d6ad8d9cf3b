// Two engines behind one function: draw(pixels) -> { pixels, milliseconds }, both Uint8ClampedArray of RGBA. One runs
// the model in a worker of this page, the other asks the server that the page came from.

const bytesOf = async id => {
  const element = document.getElementById(id), file = `${id}.bin`
  let answer
  if (!element) {
    if (location.protocol == 'file:') throw new Error('this page lies in a folder for a web server: open it from one')
    answer = await fetch(file)
    if (!answer.ok) throw new Error(`${file} is not beside this page (${answer.status})`)
  }
  try {
    const packed = answer ? await answer.arrayBuffer() : Uint8Array.from(atob(element.textContent), c => c.charCodeAt(0))
    element?.remove()                                   // its memory too
    return await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer()
  } catch (error) {
    if (error instanceof RangeError) throw new Error(NO_MEMORY)
    throw new Error(`the ${id} in this page is damaged: make the page again, or copy it again`)
  }
}
const NO_MEMORY = 'there is not enough memory for the model: close other tabs'

// What the worker runs. It is a text, because a page from the disk has no file to start a worker from; and such a worker
// may import only what it has made itself.
const WORKER = `
  let ort, session
  const run = async (data, dims) => {
    const { picture } = await session.run({ source: new ort.Tensor('float32', data, dims) })
    return picture.getData ? picture.getData() : picture.data
  }
  // A processor that draws something else is not used, whatever the reason.
  const draws = async ({ dims, expected, places, most }) => {
    const source = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => i * 37 % 256 / 127.5 - 1)
    const drawn = await run(source, dims)
    return places.every((place, i) => Math.abs((drawn[place] + 1) * 127.5 - expected[i]) <= most)
  }
  const load = async ({ library, wasm, model, threads, trial }) => {
    ort = await import(URL.createObjectURL(new Blob([library], { type: 'text/javascript' })))
    ort.env.wasm.wasmBinary = wasm
    ort.env.wasm.numThreads = threads
    ort.env.logLevel = 'error'
    for (const provider of navigator.gpu && await navigator.gpu.requestAdapter() ? ['webgpu', 'wasm'] : ['wasm']) {
      try {
        session = await ort.InferenceSession.create(model, { executionProviders: [provider] })
        if (await draws(trial)) return provider
      } catch (error) {
        if (provider == 'wasm') throw error
      }
    }
    throw new Error('the model draws something else in this browser than where it was made')
  }
  onmessage = async ({ data }) => {
    try {
      if (data.library) return postMessage({ provider: await load(data) })
      const start = performance.now(), drawn = await run(data.source, data.dims)
      postMessage({ drawn, milliseconds: performance.now() - start })
    } catch (error) {
      postMessage({ error: String(error && error.message || error) })
    }
  }`

async function inThisPage(config) {
  if (typeof WebAssembly != 'object') throw new Error('this browser has no WebAssembly: take a newer one')
  if (typeof DecompressionStream != 'function') throw new Error('this browser cannot unpack the model: take a newer one')
  const [wasm, model] = [await bytesOf('engine'), await bytesOf('model')]
  const worker = new Worker(URL.createObjectURL(new Blob([WORKER], { type: 'text/javascript' })))
  const ask = (message, given) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => data.error ? reject(new Error(inWords(data.error))) : resolve(data)
    worker.onerror = event => reject(new Error(inWords(event.message || 'the worker did not start')))
    worker.postMessage(message, given)
  })
  const threads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1
  const library = new TextDecoder().decode(await bytesOf('library'))
  const { provider } = await ask({ library, wasm, model, threads, trial: config.trial }, [wasm, model])
  const { width, height, source_channels: channels, target_channels: drawnChannels } = config
  const labels = config.labels.map(code => parts(toColour(code)))
  const known = new Map()
  const nearestLabel = (r, g, b) => {
    const colour = r << 16 | g << 8 | b
    if (!known.has(colour)) {
      const far = labels.map(label => Math.max(...label.map((value, c) => Math.abs(value - [r, g, b][c]))))
      known.set(colour, far.indexOf(Math.min(...far)))
    }
    return known.get(colour)
  }
  return {
    name: provider == 'webgpu' ? 'in this page, on the GPU' : `in this page, ${threads == 1 ? 'one thread' : threads + ' threads'}`,
    async draw(pixels) {
      const source = new Float32Array(width * height * channels).fill(-1)
      for (let i = 0; i < width * height; i++) {
        const [r, g, b] = [pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]]
        if (labels.length) source[labels.length * i + nearestLabel(r, g, b)] = 1
        else if (channels == 1) source[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b) / 127.5 - 1
        else [r, g, b].forEach((value, c) => { source[3 * i + c] = value / 127.5 - 1 })
      }
      const { drawn, milliseconds } = await ask({ source, dims: [1, height, width, channels] }, [source.buffer])
      const picture = new Uint8ClampedArray(pixels.length)
      for (let i = 0; i < width * height; i++) {
        for (let c = 0; c < 3; c++) {
          picture[4 * i + c] = Math.round((drawn[drawnChannels == 1 ? i : 3 * i + c] + 1) * 127.5)
        }
        picture[4 * i + 3] = 255
      }
      return { pixels: picture, milliseconds }
    }
  }
}

function inWords(message) {
  if (/memory|alloc|RangeError|^\d+$/i.test(message)) return NO_MEMORY       // a number is an exception of C++
  if (/protobuf|deserialize|invalid model|corrupt/i.test(message)) return 'the model in this page is damaged: make the page again'
  return message
}

async function byTheServer(config, said) {
  const page = Array.from(crypto.getRandomValues(new Uint32Array(2)), n => n.toString(36)).join('')
  const { width, height } = config
  let step
  const about = async () => {
    try {
      const answer = await fetch('about')
      const before = step
      if (!answer.ok) return
      ;({ step } = await answer.json())
      if (before !== undefined && step != before) said(`the model was renewed: step ${step}`)
    } catch { /* the next drawing says that nobody answers */ }
  }
  await about()
  setInterval(about, 3000)
  return {
    get name() { return `by the server, step ${step}` },
    async draw(pixels) {
      const start = performance.now()
      let answer
      try {
        answer = await fetch('draw', { method: 'POST', body: await toPng(pixels, width, height),
                                       headers: { 'Content-Type': 'image/png', 'X-Page': page } })
      } catch {
        throw new Error('the server does not answer: start it again')
      }
      if (!answer.ok) throw new Error(await answer.text())
      step = answer.headers.get('X-Step')
      const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: 'none' })
      const context = new OffscreenCanvas(width, height).getContext('2d')
      context.drawImage(bitmap, 0, 0)
      return { pixels: context.getImageData(0, 0, width, height).data, milliseconds: performance.now() - start }
    }
  }
}

async function toPng(pixels, width, height) {
  const canvas = new OffscreenCanvas(width, height)
  canvas.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0)
  return canvas.convertToBlob({ type: 'image/png' })
}
