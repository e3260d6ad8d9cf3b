"""A web server for one page that draws. A request can do nothing but draw, and its size and its time are bounded."""

import asyncio
import ipaddress
import struct
import sys

import imagecodecs
import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pix2pix.errors import UserError, reason
from pix2pix.images import png

SECONDS = 20                # for a request to arrive
MOST_WAITING = 32           # pages
HEADERS = {'Cross-Origin-Resource-Policy': 'same-origin', 'X-Content-Type-Options': 'nosniff',
           'Content-Security-Policy': "frame-ancestors 'none'", 'Cache-Control': 'no-store'}


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


class KnownHosts:
    """Lets requests through that call the server by an address of digits, or by one of these names.

    A stranger's page can make a name of its own lead here, and would then be of the same origin.
    """

    def __init__(self, app, names):
        self.app, self.names = app, names

    async def __call__(self, scope, receive, send):
        host = dict(scope['headers']).get(b'host', b'').decode('latin-1')
        name = host.rpartition(':')[0] if host.rpartition(':')[2].isdigit() else host
        known = name in self.names or is_address(name.strip('[]'))
        app = self.app if known else PlainTextResponse('this server has another name', 400)
        await app(scope, receive, send)


def is_address(text):
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def application(text, size, draw, step, names):
    """The server's routes: the page, a drawing for a PNG, and which weights draw.

    text   of the page
    size   (height, width) of a drawing
    draw   as of Artist
    step   () -> the step of the newest weights
    names  host names under which it may be called
    """
    artist = Artist(draw)

    async def page(request):
        return Response(text, media_type='text/html', headers=HEADERS)

    async def about(request):
        with in_words():
            return JSONResponse({'step': await asyncio.to_thread(step)}, headers=HEADERS)

    async def drawing(request):
        origin, host = request.headers.get('origin'), request.headers.get('host')
        if origin is not None and origin.partition('://')[2] != host:
            raise HTTPException(403, 'another page may not draw here')
        if request.headers.get('content-type') != 'image/png':
            raise HTTPException(415, 'a drawing is a PNG file')
        with in_words():
            picture = decoded(await body(request, most=4 * size[0] * size[1] + (1 << 16)), size)
            drawn = await artist(request.headers.get('x-page', '')[:64], picture)
        if drawn is None:
            raise HTTPException(409, 'a newer drawing has come')
        return Response(png.encode(drawn[0]), media_type='image/png', headers={**HEADERS, 'X-Step': str(drawn[1])})

    def refused(request, error):
        return PlainTextResponse(error.detail, error.status_code, headers={**HEADERS, **(error.headers or {})})
    return Starlette(routes=[Route('/', page), Route('/about', about), Route('/draw', drawing, methods=['POST'])],
                     middleware=[Middleware(KnownHosts, names=names)], exception_handlers={HTTPException: refused})


class in_words:
    """A context in which any error becomes one line, on the terminal and for the page."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, Exception) and not isinstance(error, HTTPException):
            words = str(error) if isinstance(error, UserError) else f'{kind.__name__}: {reason(error)}'
            print(f'nothing was drawn: {words}', file=sys.stderr)
            raise HTTPException(500, words) from None


async def body(request, most):
    """The bytes of a request, which are not many and do not take long."""
    if int(request.headers.get('content-length', 0)) > most:
        raise HTTPException(413, f'a drawing has {most:,} bytes at most', {'Connection': 'close'})
    content = bytearray()

    async def collect():
        async for part in request.stream():
            content.extend(part)
            if len(content) > most:
                raise HTTPException(413, f'a drawing has {most:,} bytes at most', {'Connection': 'close'})
    try:
        await asyncio.wait_for(collect(), SECONDS)
    except asyncio.TimeoutError:
        raise HTTPException(408, f'the drawing did not come within {SECONDS} s', {'Connection': 'close'}) from None
    return bytes(content)


def decoded(content, size):
    """A PNG file of this size -> uint8 [H, W, 3]. Its header is looked at before it is decoded."""
    if content[:8] != b'\x89PNG\r\n\x1a\n' or len(content) < 24:
        raise HTTPException(415, 'a drawing is a PNG file')
    width, height = struct.unpack_from('>II', content, 16)
    if (height, width) != tuple(size):
        raise HTTPException(400, f'a drawing has {size[1]} x {size[0]} pixels here, not {width} x {height}')
    try:
        pixels = imagecodecs.png_decode(content)
    except Exception as error:      # imagecodecs has a class for each of its faults, and no base of them
        raise HTTPException(400, f'the drawing cannot be read ({reason(error)})') from None
    pixels = pixels.reshape(height, width, -1)
    if pixels.dtype != np.uint8 or pixels.shape[-1] not in (1, 3, 4):
        raise HTTPException(415, 'a drawing has 8 bits, and is gray or RGB')
    return np.ascontiguousarray(pixels[..., :3]) if pixels.shape[-1] > 1 else np.repeat(pixels, 3, axis=-1)
