"""onnxruntime-web, which runs an ONNX file in a browser: fetched once from the npm registry, of one version."""

import base64
import hashlib
import tarfile

from pix2pix.download import cached
from pix2pix.errors import UserError

VERSION = '1.30.0'
ADDRESS = f'https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz'
SHA512 = 'q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=='   # as npm has it
# The library, and its engine with both WebGPU and WebAssembly.
FILES = {'library': 'package/dist/ort.webgpu.bundle.min.mjs',
         'engine': 'package/dist/ort-wasm-simd-threaded.asyncify.wasm'}
LICENCE = f'onnxruntime-web {VERSION}, Copyright (c) Microsoft Corporation, MIT License (https://opensource.org/license/mit)'


def parts(path=None):
    """The bytes of FILES by name. UserError where the package cannot be had, or is not the one that is known."""
    path = path or cached(ADDRESS, 'with that name')
    with open(path, 'rb') as file:
        digest = base64.b64encode(hashlib.sha512(file.read()).digest()).decode()
    if digest != SHA512:
        raise UserError(f'{path} is not onnxruntime-web {VERSION}: its SHA-512 is another. Delete it, and it is '
                        'downloaded again')
    with tarfile.open(path) as archive:
        return {name: archive.extractfile(member).read() for name, member in FILES.items()}
