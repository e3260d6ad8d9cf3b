"""Serve a page on this machine where people draw, and a run's newest checkpoint answers each stroke."""

import importlib.util
import os

from pix2pix import script
from pix2pix.errors import UserError
from pix2pix.flags import Parser, number

LOOPBACK = ('127.0.0.1', 'localhost', '::1')
MISSING = 'pip install -r requirements-export.txt'


def parse(args=None):
    parser = Parser(__doc__, prog='python -m pix2pix.draw')
    parser.add_argument('--name', required=True, help='name of the run')
    parser.add_argument('--dropout', action='store_true', help='draw with dropout on, as test.py does by default')
    parser.add_argument('--raw', action='store_true', help='draw with the weights as the last step left them, and not '
                                                           'their average, where the run keeps one')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (%(default)s: this machine alone)')
    parser.add_argument('--port', type=number(int, 'a port, 0 to 65535', lambda n: 0 <= n < 65536), default=0,
                        help='port to listen on; default: one that is free')
    parser.add_argument('--no_browser', action='store_true', help='do not open the page')
    opts = parser.parse_args(args)
    for package in 'starlette', 'uvicorn', 'onnx', 'onnxruntime':
        if importlib.util.find_spec(package) is None:
            parser.error(f'the package {package} is missing: {MISSING}')
    return opts


def check_there(opts):
    """UserError where the run is not there."""
    if not os.path.isdir(os.path.join('checkpoints', opts.name)):
        raise UserError(f'checkpoints/{opts.name}: no such folder. Is the run name right? Training makes it')


# Before TensorFlow is loaded: a mistake is answered at once.
OPTS = script.begin(parse, check_there) if __name__ == '__main__' else None

import pix2pix.quiet  # noqa: F401

# isort: split
import socket
import sys
import threading
import webbrowser

import uvicorn

from pix2pix.draw import page
from pix2pix.draw.painter import Painter
from pix2pix.draw.server import application
from pix2pix.run.folder import Run


def main(opts):
    """Serve until Ctrl-C, and return the exit status."""
    painter = Painter(Run.named(opts.name), dropout=opts.dropout, raw=opts.raw)
    text = page.text(painter.generator, engine='server',
                     about=f'Drawn by python -m pix2pix.draw with the newest checkpoint of {opts.name}.')

    # Listen first, so that the port is known.
    listener = socket.socket(socket.AF_INET6 if ':' in opts.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((opts.host, opts.port))
        listener.listen()
    except (OSError, OverflowError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise UserError(f'{opts.host} port {opts.port} cannot be listened on ({reason}). Give another --port or '
                        '--host') from None
    host = f'[{opts.host}]' if ':' in opts.host else opts.host
    address = f'http://{host}:{listener.getsockname()[1]}/'
    if opts.host not in LOOPBACK:
        print(f'everybody who reaches {opts.host} can draw here, and sees the examples: there is no password',
              file=sys.stderr)
    print(f'draw at {address} with checkpoint {painter.generator.step} of {opts.name}; Ctrl-C ends it', flush=True)
    if not opts.no_browser:     # some browsers end only when they are closed
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

    names = {'localhost', opts.host} | (set() if opts.host in LOOPBACK else {socket.gethostname(), socket.getfqdn()})
    app = application(text, painter.size, painter, painter.newest, names)
    uvicorn.Server(uvicorn.Config(app, log_level='error', access_log=False, lifespan='off', limit_concurrency=128,
                                  timeout_graceful_shutdown=2)).run(sockets=[listener])
    return 0


if __name__ == '__main__':
    script.end(main, OPTS)
