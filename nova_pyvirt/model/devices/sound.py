# SPDX-License-Identifier: Apache-2.0
"""<sound> and <audio>."""

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import YES_NO, Count, Positive, Refusal, Word, enum, uint
from nova_pyvirt.model.xmlbind import Element, child, children, field, flag

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
    """<input> or <output> of an audio back-end; what else it says depends on the back-end.
    Latency, buffer and period in microseconds."""

    KEEP = False
    BY = "../type"
    mixing_engine = field("@mixingEngine", YES_NO)
    fixed_settings = field("@fixedSettings", YES_NO)
    voices = field("@voices", Positive())
    buffer_length = field("@bufferLength", Positive())
    dev = field("@dev", of=("alsa", "oss"))
    buffer_count = field("@bufferCount", Count(), of=("coreaudio", "oss", "sdl"))
    try_poll = field("@tryPoll", YES_NO, of=("oss",))
    name = field("@name", of=("pulseaudio",))
    stream_name = field("@streamName", of=("pulseaudio",))
    latency = field("@latency", Count(), of=("pulseaudio",))
    server_name = field("@serverName", of=("jack",))
    client_name = field("@clientName", of=("jack",))
    connect_ports = field("@connectPorts", of=("jack",))
    exact_name = field("@exactName", YES_NO, of=("jack",))
    settings = flag("settings")
    frequency = field("settings/@frequency", Positive())
    channels = field("settings/@channels", Positive())
    format = field("settings/@format", enum("s8", "u8", "s16", "u16", "s32", "u32", "f32"))

    def after_parse(self, node: etree._Element) -> None:
        if self.fixed_settings and not self.mixing_engine:
            detail = "fixed audio settings requires mixing engine"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if self.settings and not self.fixed_settings:
            detail = "audio settings specified without fixed settings flag"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        self.settings = bool(self.fixed_settings)


class Audio(Element):
    """<audio>: where sound goes on the host."""

    TAG = "audio"
    BY = "type"
    id = field("@id", Positive(), required=True)
    type = field(
        "@type",
        enum("none", "alsa", "coreaudio", "jack", "oss", "pulseaudio", "sdl", "spice", "file",
             "dbus"),
        required=True,
    )  # fmt: skip
    timer_period = field("@timerPeriod", Positive())
    try_mmap = field("@tryMMap", YES_NO, of=("oss",))
    exclusive = field("@exclusive", YES_NO, of=("oss",))
    dsp_policy = field("@dspPolicy", uint(), of=("oss",))
    server_name = field("@serverName", of=("pulseaudio",))
    driver = field("@driver", enum("esd", "alsa", "arts", "pulseaudio"), of=("sdl",))
    path = field("@path", of=("file",))
    input = child("input", Stream)
    output = child("output", Stream)
