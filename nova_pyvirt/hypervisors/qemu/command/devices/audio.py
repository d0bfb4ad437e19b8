# SPDX-License-Identifier: Apache-2.0
"""Sound cards and the host's side of sound."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest, Props, device, option
from nova_pyvirt.model.devices.sound import Audio, Sound, Stream

_DRIVERS = {"pulseaudio": "pa", "file": "wav"}
_CARDS = {"es1370": "ES1370", "ac97": "AC97", "ich6": "intel-hda", "ich9": "ich9-intel-hda",
          "usb": "usb-audio", "sb16": "sb16"}  # fmt: skip
_CODECS = {"duplex": "hda-duplex", "micro": "hda-micro", "output": "hda-output"}
_POLICY = "dsp-policy"


def audio_id(guest: Guest, number: int | None) -> str:
    """The back-end with that number, or the first one.

    :raises libvirtError: INTERNAL_ERROR when there is none
    """
    for item in guest.devices.audios:
        if not number or item.id == number:
            return f"audio{item.id}"
    detail = "unable to find audio backend for sound device"
    raise errors.error(Code.INTERNAL_ERROR, detail)


def audios(guest: Guest) -> Args:
    """-audiodev."""
    args: Args = []
    for item in guest.devices.audios:
        args += option("-audiodev", _audio(item))
    return args


def _audio(item: Audio) -> Props:
    found: Props = {
        "id": f"audio{item.id}",
        "driver": _DRIVERS.get(item.type, item.type),
        "timer-period": item.timer_period or None,
    }
    if item.type == "oss":
        found |= {
            "try-mmap": item.try_mmap,
            "exclusive": item.exclusive,
            _POLICY: item.dsp_policy,
        }
    elif item.type == "pulseaudio":
        found["server"] = item.server_name
    elif item.type == "file":
        found["path"] = item.path
    for key, stream in (("in", item.input), ("out", item.output)):
        if stream is not None:
            found[key] = _stream(item.type, stream) or None
    return found


def _stream(kind: str, item: Stream) -> Props:
    found: Props = {
        "mixing-engine": item.mixing_engine,
        "fixed-settings": item.fixed_settings,
        "voices": item.voices or None,
        "buffer-length": item.buffer_length or None,
        "frequency": item.frequency or None,
        "channels": item.channels or None,
        "format": item.format,
    }
    if kind in ("alsa", "oss"):
        found["dev"] = item.dev
    if kind in ("coreaudio", "oss", "sdl"):
        found["buffer-count"] = item.buffer_count or None
    if kind == "oss":
        found["try-poll"] = item.try_poll
    if kind == "pulseaudio":
        found |= {"name": item.name, "stream-name": item.stream_name,
                  "latency": item.latency or None}  # fmt: skip
    if kind == "jack":
        found |= {
            "server-name": item.server_name,
            "client-name": item.client_name,
            "connect-ports": item.connect_ports,
            "exact-name": item.exact_name,
        }
    return {k: v for k, v in found.items() if v is not None}


def sounds(guest: Guest) -> Args:
    """Sound cards; the PC speaker has an option of its own.

    :raises libvirtError: CONFIG_UNSUPPORTED for a card QEMU lacks
    """
    args: Args = []
    for item in guest.devices.sounds:
        if item.model == "pcspk":
            args += ["-soundhw", "pcspk"]
        else:
            args += _card(guest, item)
    return args


def _card(guest: Guest, item: Sound) -> Args:
    model = _CARDS.get(item.model)
    if model is None:
        detail = f"sound card model '{item.model}' is not supported by qemu"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    audio = audio_id(guest, item.audio_id)
    hda = item.model in ("ich6", "ich9")
    args = device({
        "driver": model, "id": item.alias, "audiodev": None if hda else audio, **guest.place(item),
    })  # fmt: skip
    if not hda:
        return args
    for number, kind in enumerate([c.type for c in item.codecs] or ["duplex"]):
        args += device({
            "driver": _CODECS[kind], "id": f"{item.alias}-codec{number}", "bus": f"{item.alias}.0",
            "cad": number, "audiodev": audio,
        })  # fmt: skip
    return args
