# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with a monitor, as libvirt words it (qemu_monitor.c, qemu_monitor_json.c)."""

from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.errors.error import ErrorTuple, fields, system_error


class QMPError(libvirtError):
    """Any failure of a QMP command or session."""

    def __init__(self, nine: ErrorTuple) -> None:
        Exception.__init__(self, nine[2])
        self.err = nine
        self.nine = nine


class QMPCommandError(QMPError):
    """QEMU refused the command.

    :ivar command: the command's name
    :ivar qmp_class: QEMU's error class, "GenericError" mostly
    :ivar qmp_desc: QEMU's description; "" when the reply had none
    """

    def __init__(self, command: str, qmp_class: str = "", qmp_desc: str = "") -> None:
        text = f"unable to execute QEMU command '{command}'"
        super().__init__(fields(Code.INTERNAL_ERROR, f"{text}: {qmp_desc}" if qmp_desc else text))
        self.command = command
        self.qmp_class = qmp_class
        self.qmp_desc = qmp_desc


class QMPTimeout(QMPError):
    """No reply by the deadline. The session stays usable; a late reply is dropped."""

    def __init__(self, what: str, vm: str, seconds: float) -> None:
        super().__init__(
            fields(Code.OPERATION_TIMEOUT, f"{what} not answered in {seconds:g} s (vm='{vm}')")
        )


class QMPClosed(QMPError):
    """The session has ended: no command can be sent any more."""

    def again(self) -> "QMPClosed":
        """The same error, for another waiter to raise: a traceback belongs to one of them."""
        return QMPClosed(self.nine)


def end_of_file(vm: str) -> QMPClosed:
    """QEMU closed the monitor."""
    return QMPClosed(fields(Code.INTERNAL_ERROR, f"End of file from qemu monitor (vm='{vm}')"))


def unexpectedly_closed() -> QMPClosed:
    """QEMU ended, or closed the monitor, before the session was there."""
    return QMPClosed(fields(Code.INTERNAL_ERROR, "qemu unexpectedly closed the monitor"))


def closed() -> QMPClosed:
    """We closed the monitor."""
    return QMPClosed(fields(Code.OPERATION_FAILED, "QEMU monitor was closed"))


def too_long(limit: int) -> QMPClosed:
    return QMPClosed(
        fields(Code.INTERNAL_ERROR, f"QEMU monitor reply exceeds buffer size ({limit} bytes)")
    )


def not_understood(vm: str) -> QMPClosed:
    """What came was not QMP."""
    return QMPClosed(fields(Code.INTERNAL_ERROR, f"Error while processing monitor IO (vm='{vm}')"))


def busy(vm: str, unanswered: int) -> QMPError:
    """QEMU has stopped answering long ago; sending still more would only fill memory."""
    return QMPError(
        fields(Code.RESOURCE_BUSY, f"{unanswered} QEMU commands unanswered (vm='{vm}')")
    )


def connect_failure(err: OSError) -> QMPError:
    """The monitor's socket does not accept us."""
    return os_failure(err, "failed to connect to monitor socket")


def os_failure(err: OSError, text: str = "Unable to read from monitor") -> QMPClosed:
    nine = system_error(err.errno or 0, text, domain=From.QEMU).err
    assert nine is not None  # system_error always gives the fields
    return QMPClosed(nine)
