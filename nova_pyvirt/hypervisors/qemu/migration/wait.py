# SPDX-License-Identifier: Apache-2.0
"""Waiting for the end of a migration: by QEMU's events, with a look now and then in case one was
lost (qemuMigrationSrcWaitForCompletion)."""

import logging
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.jobdata import JobData, JobStatus
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.hypervisors.qemu import jobstats
from nova_pyvirt.hypervisors.qemu.monitor import QMPTimeout
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate

LOG = logging.getLogger(__name__)
#: seconds without an event after which QEMU is asked
_LOOK: Final = 5.0
_ENDED: Final = (
    JobStatus.HYPERVISOR_COMPLETED,
    JobStatus.NONE,
    JobStatus.FAILED,
    JobStatus.CANCELED,
)


def enable_events(private: QemuPrivate) -> None:
    """QEMU tells of a migration's progress only when asked to.

    :raises libvirtError: QEMU refuses or does not answer
    """
    capability = {"capability": "events", "state": True}
    private.mon.command("migrate-set-capabilities", {"capabilities": [capability]})


def on_migration(vm: DomainObj, word: str) -> None:
    """A MIGRATION event; the domain's lock is held."""
    vm.private.migration = word
    if vm.jobs.current is not None:
        jobstats.take_status(vm.jobs.current, word)
    vm.jobs.notify()


def end(vm: DomainObj, private: QemuPrivate, data: JobData, name: str) -> None:
    """Waits until the outgoing migration has come to its end; its figures are in `data` then.

    :param name: what the job is called in errors ("domain save")
    :raises libvirtError: OPERATION_ABORTED when a client has cancelled it, OPERATION_FAILED
    """
    while True:
        with vm.lock:
            ended = vm.jobs.wait_for(lambda: data.status in _ENDED or gone(vm, private), _LOOK)
        _check(vm, private)
        if not ended:
            _ask(vm, private, data)
        if data.status in _ENDED:
            break
    answer = _query(private)
    with vm.lock:
        if answer is not None:
            jobstats.take_migration(data, answer)
    _judge(data, name)
    jobstats.finish(data)


def gone(vm: DomainObj, private: QemuPrivate) -> bool:
    """Whether the run has ended, or is about to; the domain's lock is held."""
    return not vm.active or vm.private is not private or private.being_destroyed


def not_running() -> libvirtError:
    """What a job says whose guest has ended."""
    return errors.error(Code.OPERATION_FAILED, "domain is not running", domain=From.DOMAIN)


def _check(vm: DomainObj, private: QemuPrivate) -> None:
    with vm.lock:
        if gone(vm, private):
            raise not_running()


def _ask(vm: DomainObj, private: QemuPrivate, data: JobData) -> None:
    """A look at QEMU: an event may have been lost."""
    answer = _query(private)
    if answer is None or answer.get("status") not in ("completed", "failed", "cancelled"):
        return
    with vm.lock:
        jobstats.take_status(data, str(answer["status"]))


def _query(private: QemuPrivate) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = private.mon.command("query-migrate", kind="query")
    except QMPTimeout as exc:
        LOG.warning("a migration's figures: %s", exc)
        return None
    return answer


def _judge(data: JobData, name: str) -> None:
    if data.status is JobStatus.CANCELED:
        raise errors.error(Code.OPERATION_ABORTED, f"job '{name}' canceled by client")
    if data.status is JobStatus.FAILED:
        said = f"failed: {data.error}" if data.error else "unexpectedly failed"
        raise errors.error(Code.OPERATION_FAILED, f"job '{name}' {said}")
    if data.status is JobStatus.NONE:
        raise errors.error(Code.OPERATION_FAILED, f"job '{name}' is not active")


def incoming(vm: DomainObj, private: QemuPrivate) -> None:
    """Waits until the guest's memory has come.

    :raises libvirtError: OPERATION_FAILED when it can't be read
    """
    while True:
        with vm.lock:
            vm.jobs.wait_for(
                lambda: private.migration in ("completed", "failed") or gone(vm, private), _LOOK
            )
        if private.monitor is not None and not private.monitor.alive:
            raise not_running()
        _check(vm, private)
        word = private.migration
        if word not in ("completed", "failed"):
            word = str((_query(private) or {}).get("status"))
        if word == "completed":
            return
        if word == "failed":
            answer = _query(private) or {}
            said = answer.get("error-desc")
            text = f"failed: {said}" if said else "unexpectedly failed"
            raise errors.error(Code.OPERATION_FAILED, f"job 'migration in' {text}")
