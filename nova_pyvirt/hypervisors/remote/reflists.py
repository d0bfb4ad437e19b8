# SPDX-License-Identifier: Apache-2.0
"""Lists of domains on the wire, written by hand: hosts have thousands, and they are listed often."""

import struct
from collections.abc import Sequence
from typing import Final

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.util.typed import Params
from nova_pyvirt.wire import typedparams
from nova_pyvirt.wire.xdr import ArrayCodec, XDRError

_MAX_NAME: Final = 4194304
_SIZE: Final = struct.Struct(">I")
_TAIL: Final = struct.Struct(">16si")
_PAD: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
#: domains encoded last: the same ones are listed again and again
_CACHE_LIMIT: Final = 4096
_encoded: dict[DomainRef, bytes] = {}


def _encode(ref: DomainRef) -> bytes:
    raw = ref.name.encode()
    size = len(raw)
    if size > _MAX_NAME or b"\0" in raw or len(ref.uuid) != 16:
        raise XDRError(f"domain with a name of {size} bytes")
    made = _SIZE.pack(size) + raw + _PAD[size & 3] + _TAIL.pack(ref.uuid, ref.id)
    if size < 256:
        if len(_encoded) >= _CACHE_LIMIT:
            _encoded.clear()
        _encoded[ref] = made
    return made


def put(refs: Sequence[DomainRef], out: list[bytes], bound: int) -> None:
    """Encodes a list of refs."""
    if len(refs) > bound:
        raise XDRError(f"{len(refs)} elements, not up to {bound}")
    out.append(_SIZE.pack(len(refs)))
    known = _encoded.get
    out += [known(ref) or _encode(ref) for ref in refs]


def get(data: bytes, at: int, bound: int) -> tuple[list[DomainRef], int]:
    """Decodes a list of refs."""
    (count,) = _SIZE.unpack_from(data, at)
    at += 4
    if count > bound or count * 24 > len(data) - at:
        raise XDRError(f"{count} elements, not up to {bound}")
    refs = []
    for _ in range(count):
        ref, at = _ref(data, at)
        refs.append(ref)
    return refs, at


def _ref(data: bytes, at: int) -> tuple[DomainRef, int]:
    (size,) = _SIZE.unpack_from(data, at)
    end = at + 4 + size
    raw = data[at + 4 : end]
    if size > _MAX_NAME or len(raw) != size or 0 in raw:
        raise XDRError(f"string of {size} bytes is too long or has a NUL")
    at = end + (-size & 3)
    uuid, ident = _TAIL.unpack_from(data, at)
    return DomainRef(raw.decode(), uuid, ident), at + 20


CODEC: Final = ArrayCodec(get, put)

#: one domain's statistics
Record = tuple[DomainRef, Params]
_MAX_PARAMS: Final = 262144


def put_records(records: Sequence[Record], out: list[bytes], bound: int) -> None:
    """Encodes the statistics of many domains."""
    if len(records) > bound:
        raise XDRError(f"{len(records)} elements, not up to {bound}")
    out.append(_SIZE.pack(len(records)))
    known, params_of = _encoded.get, typedparams.put
    for ref, params in records:
        out.append(known(ref) or _encode(ref))
        params_of(params, out, _MAX_PARAMS)


def get_records(data: bytes, at: int, bound: int) -> tuple[list[Record], int]:
    """Decodes them."""
    (count,) = _SIZE.unpack_from(data, at)
    at += 4
    if count > bound or count * 28 > len(data) - at:
        raise XDRError(f"{count} elements, not up to {bound}")
    records = []
    for _ in range(count):
        ref, at = _ref(data, at)
        params, at = typedparams.get(data, at, _MAX_PARAMS)
        records.append((ref, params))
    return records, at


RECORDS: Final = ArrayCodec(get_records, put_records)
