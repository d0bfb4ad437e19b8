#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes two pages of the documentation from tables of the code: doc/source/internals/states.rst from
the transitions (core/statemap.py), jobs.rst from the job matrix (core/job_matrix.py)."""

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP))

from nova_pyvirt.core.job_matrix import (  # noqa: E402
    ASYNC_WORDS,
    JOB_WORDS,
    AsyncJob,
    Job,
    default_mask,
    nested_allowed,
)
from nova_pyvirt.core.statemap import STEPS, Step  # noqa: E402
from nova_pyvirt.core.states import State  # noqa: E402

TARGET = TOP / "doc/source/internals/states.rst"
JOBS_TARGET = TOP / "doc/source/internals/jobs.rst"
HEAD = """.. This file is made by tools/gen_states.py from nova_pyvirt/core/statemap.py.

States of a domain
==================
A domain's state changes only as below. Another step - QEMU has taken it by itself - is followed,
and told in the log as an error.

Diagram
-------
Each line is a way from one state to another; the numbers lead to the table.

.. code-block:: none

"""
TABLE = """
Steps
-----
The event is what subscribers of VIR_DOMAIN_EVENT_ID_LIFECYCLE get: its number and its detail's.

.. list-table::
   :header-rows: 1
   :widths: 5 15 30 35 15

   * - No.
     - From
     - To (reason)
     - When
     - Event
"""


def text() -> str:
    """The whole page."""
    return HEAD + "".join(_lines()) + TABLE + "".join(map(_row, range(len(STEPS)), STEPS))


def _lines() -> list[str]:
    lines = []
    for source in State:
        for target in State:
            numbers = [
                str(number)
                for number, step in enumerate(STEPS, 1)
                if (step.source, step.target) == (source, target)
            ]
            if numbers:
                lines.append(f"    {source.name:<12} --> {target.name:<12} {','.join(numbers)}\n")
    return lines


def _row(number: int, step: Step) -> str:
    told = "" if step.told is None else f"{step.told[0].name}, {step.told[1]}"
    cells = (
        str(number + 1),
        step.source.name,
        f"{step.target.name} ({step.reason.name})",
        step.cause,
        told or "\\-",
    )
    first, *rest = cells
    return f"   * - {first}\n" + "".join(f"     - {cell}\n" for cell in rest)


JOBS = """.. This file is made by tools/gen_states.py from nova_pyvirt/core/job_matrix.py.

Jobs of a domain
================
Whoever changes a domain holds its job; whoever asks QEMU something holds one too. There is one
holder at a time, and beside it at most one long-running ("async") job. The object lock is held only
for moments, never while QEMU is asked.

* A job that is not free is waited for ``[jobs]wait`` seconds (30), by the monotonic clock. Then the
  caller gets OPERATION_TIMEOUT with libvirt's sentence, "cannot acquire state change lock (held by
  monitor=...)". The exception's text, and ``get_str3()``, say more: how long the holder has had the
  domain, and which QEMU command it waits for since when.
* ``[jobs]max_queued`` callers may wait at once, all others are refused at once (OPERATION_FAILED).
  To destroy, and to begin a long-running job, are never refused for that.
* A holder whose thread has ended without giving back its job is found by those who wait; the job is
  freed, and the log tells.
* State, information, definition, lists and events need no job. ``destroy`` ends QEMU before it asks
  for its job, so that whoever waits for QEMU is freed.
* The guest agent has a lane of its own: an agent that does not answer holds up agents' calls only.

What may run beside a long-running job
--------------------------------------
A snapshot or a migration may narrow its mask while it works; a start lets nothing in but destroy.

.. list-table::
   :header-rows: 1

"""
AFTER = """
Long-running jobs as clients see them
-------------------------------------
``jobInfo`` and ``jobStats`` ask QEMU for fresh figures; when it is too busy to say within
``[monitor]query_deadline``, they give the last ones.
``jobStats(VIR_DOMAIN_JOB_STATS_COMPLETED)`` gives those of the last job that came to
its end, once. ``abortJob`` ends a save, a dump (not a memory-only one), a snapshot or an outgoing
migration; the call that runs the job ends with OPERATION_ABORTED, and the guest runs on.

A save or a dump passes the memory through a thread of ours ("pump"), over a socket: a disk that is
full, slow or dead is our thread's trouble, not QEMU's, and both ends can be cut at any time. The
guest stands still, and QEMU is told that no downtime is too long for it: so it sends the memory in
its iterations, not in its last step, in which it would answer nobody.

When the manager dies in the middle, the next one finds the job in the status file: QEMU's migration
is cancelled, the image removed, the guest runs on (RUNNING, SAVE_CANCELED). When QEMU had ended
already and the image is whole, the domain is SHUTOFF, SAVED.

Save images are libvirt's: magic (``LibvirtQemudPart`` until the image is whole, then
``LibvirtQemudSave``), version 2, the length of the head, whether the guest runs after a restore, the
compression, the cookie's place; the XML; the cookie with the guest's real CPU; QEMU's stream.
"""


def jobs_text() -> str:
    """The page about jobs."""
    jobs = [job for job in Job if job not in (Job.NONE, Job.ASYNC)]
    head = ["long-running job", *(JOB_WORDS[job] for job in jobs)]
    rows = [head]
    for running in AsyncJob:
        if running is AsyncJob.NONE:
            continue
        mask = default_mask(running)
        cells = ["yes" if nested_allowed(job, mask) else "waits" for job in jobs]
        cells[jobs.index(Job.ASYNC_NESTED)] = "its own"
        rows.append([ASYNC_WORDS[running], *cells])
    table = "".join(
        f"   * - {row[0]}\n" + "".join(f"     - {cell}\n" for cell in row[1:]) for row in rows
    )
    return JOBS + table + AFTER


if __name__ == "__main__":
    TARGET.write_text(text())
    JOBS_TARGET.write_text(jobs_text())
