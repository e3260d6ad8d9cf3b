"""A web server for one page that draws. A request can do nothing but draw, and its size is bounded."""

import asyncio
import struct

import imagecodecs
import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pix2pix.errors import UserError
from pix2pix.images import png

MOST_BYTES = 16 << 20       # of a request
MOST_PIXELS = 1 << 22       # of a drawing
MOST_WAITING = 32           # pages
# Alone with its own files, the page may use threads; a page that is not ours sees nothing of them.
HEADERS = {'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp',
           'Cross-Origin-Resource-Policy': 'same-origin', 'X-Content-Type-Options': 'nosniff',
           'Cache-Control': 'no-store'}


class Artist:
    """Draws for several pages, one after the other, and of each page its newest request alone.

    draw  a picture, uint8 [H, W, 3] -> (what is drawn, the step of the weights); it may take long
    """

    def __init__(self, draw):
        self.draw, self.waiting, self.busy = draw, {}, None

    async def __call__(self, page, picture):
        """Wait for the drawing: (picture, step), or None where the page has asked for another since."""
        if page not in self.waiting and len(self.waiting) >= MOST_WAITING:
            raise HTTPException(503, 'too many pages wait for a drawing')
        answer = asyncio.get_running_loop().create_future()
        if page in self.waiting:
            self.waiting.pop(page)[1].set_result(None)
        self.waiting[page] = picture, answer
        if self.busy is None or self.busy.done():
            self.busy = asyncio.create_task(self.work())
        return await answer

    async def work(self):
        while self.waiting:
            picture, answer = self.waiting.pop(next(iter(self.waiting)))
            try:
                drawn = await asyncio.to_thread(self.draw, picture)
            except Exception as error:
                if not answer.done():
                    answer.set_exception(error)
                continue
            if not answer.done():       # else whoever asked has gone
                answer.set_result(drawn)


def application(text, draw, step, addresses):
    """The server's routes: the page, a drawing for a PNG, and which weights draw.

    text       of the page
    draw       as of Artist
    step       () -> the step of the newest weights
    addresses  host names under which it may be called, or ['*']
    """
    artist = Artist(draw)

    async def page(request):
        return Response(text, media_type='text/html', headers=HEADERS)

    async def about(request):
        return JSONResponse({'step': await asyncio.to_thread(step)}, headers=HEADERS)

    async def drawing(request):
        origin, host = request.headers.get('origin'), request.headers.get('host')
        if origin is not None and origin.partition('://')[2] != host:
            raise HTTPException(403, 'another page may not draw here')
        if request.headers.get('content-type') != 'image/png':
            raise HTTPException(415, 'a drawing is a PNG file')
        try:
            drawn = await artist(request.headers.get('x-page', '')[:64], decoded(await body(request)))
        except (UserError, ValueError) as error:
            raise HTTPException(400, str(error)) from None
        if drawn is None:
            raise HTTPException(409, 'a newer drawing has come')
        picture, drawn_at = drawn
        return Response(png.encode(picture), media_type='image/png', headers={**HEADERS, 'X-Step': str(drawn_at)})

    def in_words(request, error):
        return PlainTextResponse(error.detail, error.status_code, headers=HEADERS)
    return Starlette(routes=[Route('/', page), Route('/about', about), Route('/draw', drawing, methods=['POST'])],
                     middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=addresses)],
                     exception_handlers={HTTPException: in_words})


async def body(request):
    """The bytes of a request, which must not be many."""
    content = b''
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f'a drawing of more than {MOST_BYTES >> 20} MiB is not read')
    return content


def decoded(content):
    """A PNG file -> uint8 [H, W, 3]. Its size is looked at before it is decoded."""
    if content[:8] != b'\x89PNG\r\n\x1a\n' or len(content) < 24:
        raise HTTPException(415, 'a drawing is a PNG file')
    width, height = struct.unpack_from('>II', content, 16)
    if not 0 < width * height <= MOST_PIXELS:
        raise HTTPException(413, f'a drawing of more than {MOST_PIXELS:,} pixels is not drawn')
    try:
        pixels = imagecodecs.png_decode(content)
    except Exception as error:      # imagecodecs has a class for each of its faults, and no base of them
        raise HTTPException(400, f'the drawing cannot be read ({error})') from None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.dtype != np.uint8 or pixels.shape[-1] not in (1, 3, 4):
        raise HTTPException(415, 'a drawing has 8 bits, and is gray or RGB')
    return np.ascontiguousarray(pixels[..., :3]) if pixels.shape[-1] > 1 else np.repeat(pixels, 3, axis=-1)
