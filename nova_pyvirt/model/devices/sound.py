# SPDX-License-Identifier: Apache-2.0
"""<sound> and <audio>."""

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import YES_NO, Positive, Refusal, Word, enum, uint
from nova_pyvirt.model.xmlbind import Element, child, children, field

SOUND_MODELS = enum("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "ich7")


class Codec(Element):
    """<codec>."""

    TAG = "codec"
    type = field(
        "@type",
        Word("unknown codec type '%s'", "duplex", "micro", "output"),
        required=Refusal("unknown codec type '(null)'", Code.CONFIG_UNSUPPORTED),
    )


class Sound(Device):
    """<sound>."""

    TAG = "sound"
    model = field("@model", SOUND_MODELS, required=True)
    codecs = children(
        "codec", Codec, show=lambda sound, ctx: sound.model in ("ich6", "ich7", "ich9")
    )
    audio_id = field("audio/@id", Positive(), required=True)


class Stream(Element):
    """<input> or <output> of an audio back-end. Latency, buffer and period in microseconds."""

    KEEP = False
    mixing_engine = field("@mixingEngine", YES_NO)
    fixed_settings = field("@fixedSettings", YES_NO)
    voices = field("@voices", Positive())
    buffer_length = field("@bufferLength", Positive())
    dev = field("@dev")
    buffer_count = field("@bufferCount", uint())
    try_poll = field("@tryPoll", YES_NO)
    name = field("@name")
    stream_name = field("@streamName")
    latency = field("@latency", uint())
    server_name = field("@serverName")
    client_name = field("@clientName")
    connect_ports = field("@connectPorts")
    exact_name = field("@exactName", YES_NO)
    frequency = field("settings/@frequency", Positive())
    channels = field("settings/@channels", Positive())
    format = field("settings/@format", enum("s8", "u8", "s16", "u16", "s32", "u32", "f32"))


class Audio(Element):
    """<audio>: where sound goes on the host."""

    TAG = "audio"
    id = field("@id", Positive(), required=True)
    type = field(
        "@type",
        enum("none", "alsa", "coreaudio", "jack", "oss", "pulseaudio", "sdl", "spice", "file",
             "dbus"),
        required=True,
    )  # fmt: skip
    timer_period = field("@timerPeriod", Positive())
    try_mmap = field("@tryMMap", YES_NO)
    exclusive = field("@exclusive", YES_NO)
    dsp_policy = field("@dspPolicy", uint())
    server_name = field("@serverName")
    driver = field("@driver", enum("esd", "alsa", "arts", "pulseaudio"))
    path = field("@path")
    input = child("input", Stream)
    output = child("output", Stream)
