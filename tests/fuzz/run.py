# SPDX-License-Identifier: Apache-2.0
"""Hands damaged definitions to the QEMU driver's pipeline: only libvirtError may come out.

    python -m tests.fuzz.run [--count N] [--seed N] [FILE...]

FILEs are more documents to damage. Prints what went wrong with the seed that repeats it.
"""

import argparse
import copy
import random
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import alias, command
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.util.native import time
from tests.fixtures.qemu72 import caps
from tests.fuzz.damage import damaged
from tests.fuzz.documents import base

#: seconds of processor time that nothing may take
LIMIT = 1.0


@dataclass
class Result:
    """What became of the documents.

    :ivar codes: how often each error was the answer; None: accepted
    :ivar faults: (seed, what was wrong)
    :ivar slowest: (seconds, seed)
    """

    codes: Counter[int | None] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)


def attempt(xml: str | bytes) -> None:
    """Defines, shows, defines again, and makes a command line.

    :raises libvirtError: as it should
    """
    offered = caps()
    domain = parse_definition(xml, lambda _: offered)
    shown = domain.format(inactive=True, secure=True)
    again = parse_definition(shown, lambda _: offered)
    if again.format(inactive=True, secure=True) != shown:
        raise AssertionError("defined again it is another")
    domain.format(status=True)
    domain.format(migratable=True)
    if domain.cpu is not None and domain.cpu.mode == "host-model":
        return  # becomes a model at start only
    alias.assign(domain)
    context = command.CommandContext(
        standalone=True, lib_dir="/lib/domain-1-g", hugetlbfs={2048: "/huge", 1048576: "/huge1G"}
    )
    command.build(domain, offered, context)


def document(seed: int, seeds: Sequence[etree._Element] = ()) -> str | bytes:
    """The document of a seed."""
    rng = random.Random(seed)
    given = bool(seeds) and rng.random() < 0.7
    root = copy.deepcopy(rng.choice(seeds)) if given else base(rng)
    return damaged(root, rng)


def run(numbers: Sequence[int], seeds: Sequence[etree._Element] = ()) -> Result:
    """Tries the documents of these seeds."""
    result = Result()
    for number in numbers:
        xml = document(number, seeds)
        begun = time.process_time()
        code: int | None = None
        try:
            attempt(xml)
        except libvirtError as exc:
            code = int(exc.get_error_code())
        except Exception:  # noqa: BLE001 - any other is what we look for
            result.faults.append((number, traceback.format_exc(limit=-4)))
        took = time.process_time() - begun
        result.codes[code] += 1
        result.slowest = max(result.slowest, (took, number))
        if took > LIMIT:
            result.faults.append((number, f"took {took:.1f} s"))
    return result


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    seeds = [etree.parse(str(path)).getroot() for path in options.files]
    found = run(range(options.seed, options.seed + options.count), seeds)
    kinds: dict[str, list[int]] = {}
    shown: dict[str, str] = {}
    for seed, text in found.faults:
        kind = "\n".join(text.splitlines()[-4:])
        kinds.setdefault(kind, []).append(seed)
        shown.setdefault(kind, text)
    for kind, numbers in sorted(kinds.items(), key=lambda item: -len(item[1]))[:30]:
        print(f"--- {len(numbers)} times, seeds {numbers[:3]}\n{shown[kind]}")
    took, seed = found.slowest
    print(f"{options.count} documents, slowest {took * 1000:.0f} ms (seed {seed}), by error code:")
    print("  ".join(f"{code}: {n}" for code, n in found.codes.most_common()))
    print(f"{len(found.faults)} faults")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
