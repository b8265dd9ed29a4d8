"""What is said of a measured run: its numbers, phases, growth with the data, and earlier runs."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import psutil

from mlops_tui.analysis.footprint import Growth, Tenfold, beside, breaks_first, exponent, growth, tenfold
from mlops_tui.running.measuring import Gpu, Measured, PhaseUse
from mlops_tui.running.rates import Rates
from mlops_tui.view import Cell, Column, Part, Row, Series, Status, Table, Text, worst

LIMIT = 1.2
MEASURES = ("seconds", "cpu_seconds", "peak_bytes")
POINTS = 200  # of the memory curve
MIB = 2**20
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Run:
    """A run under the digest of its words, the rows it read where that is known, and what it used."""

    key: str
    rows: int | None
    used: Measured


def told(run: Run) -> dict[str, Any]:
    """The run as it is kept in the history; its memory curve is not."""
    kept = {name: value for name, value in asdict(run.used).items() if name != "memory"}
    return {"key": run.key, "rows": run.rows, **kept}


def run_of(detail: Mapping[str, Any]) -> Run:
    """A run as it was kept."""
    known = {item.name for item in fields(Measured)}
    given = {name: value for name, value in detail.items() if name in known}
    phases = tuple(PhaseUse(**each) for each in detail["phases"])
    gpus = detail.get("gpus")
    found = {"phases": phases, "memory": (), "gpus": None if gpus is None else tuple(Gpu(**each) for each in gpus)}
    return Run(detail["key"], detail["rows"], Measured(**given | found))


def facts(run: Run) -> dict[str, Cell]:
    """What a run used, first of all."""
    used = run.used
    return {"seconds": used.seconds, "cpu_seconds": used.cpu_seconds,
            "cores_used": used.cpu_seconds / max(used.seconds, 1e-9), "peak_bytes": used.peak_bytes,
            "memory_method": used.memory_method, "rows": run.rows, "exit": used.exit}


def more_facts(run: Run, rates: Rates) -> dict[str, Cell]:
    """The rest of it, and the factors that money and energy rest on."""
    used = run.used
    watts = sum(each.watts or 0.0 for each in used.gpus or ())
    energy = rates.watt_hours(used.seconds, used.cpu_seconds, used.peak_bytes, watts)
    return {"cost": rates.cost(used.seconds), "currency": rates.currency, "energy_wh": energy,
            "co2_grams": rates.grams(energy), "factors": str(rates), "cores": psutil.cpu_count() or 1,
            "user_seconds": used.user_seconds, "system_seconds": used.system_seconds, "read_bytes": used.read_bytes,
            "written_bytes": used.written_bytes, "asked_read_bytes": used.asked_read_bytes,
            "asked_written_bytes": used.asked_written_bytes, "processes": used.processes,
            "left_running": used.left_running, "gpus": None if used.gpus is None else len(used.gpus),
            "gpu_reason": used.gpu_reason or None, "samples": used.samples, "sampling_share": used.sampling_share}


def parts(used: Measured, sized: Sequence[Run], earlier: Sequence[Row]) -> list[Part]:
    """Phases, what breaks first, growth, GPUs, earlier runs and the course of memory."""
    space = memory_of_machine()
    grown = {each.phase: _growths(each.phase, sized) for each in used.phases}
    later = [tenfold(each.phase, each.seconds, each.peak_bytes, *grown[each.phase], space) for each in used.phases]
    rows: list[Row] = [
        {"phase": each.phase, "seconds": each.seconds, "cpu_seconds": each.cpu_seconds, "peak_bytes": each.peak_bytes,
         "peak_mib": None if each.peak_bytes is None else each.peak_bytes / MIB,
         "share": each.seconds / max(used.seconds, 1e-9), "tenfold_seconds": ten.seconds,
         "tenfold_peak_bytes": ten.peak_bytes,
         "tenfold_mib": None if ten.peak_bytes is None else ten.peak_bytes / MIB, "breaks_at": ten.breaks_at,
         "growth": "fitted" if grown[each.phase][0].fitted else "in proportion, assumed"}
        for each, ten in zip(used.phases, later, strict=True)]
    fitted = any(time.fitted for time, _ in grown.values())
    tenfold_too = (Column("tenfold_seconds", "10×", unit="s", digits=1),
                   Column("tenfold_mib", "10×", unit="MiB", digits=0)) if fitted else ()  # one size tells no growth
    table = Table.of("phases", rows, "phase", Column("seconds", "took", unit="s", digits=2),
                     Column("cpu_seconds", "CPU", unit="s", digits=2), Column("peak_mib", "peak", unit="MiB", digits=1),
                     Column("share", share=True, digits=0), *tenfold_too,
                     title="Phases, and with ten times the data" if fitted else "Phases")
    found: list[Part] = [table, Text(what_breaks(later, space, fitted=fitted))]
    found += [_growth_table(sized)] if len({each.rows for each in sized if each.rows}) > 1 else []
    found += [_gpus(used.gpus)] if used.gpus else []
    found += [_earlier(earlier)]
    found += [_phases_picture(used)] if len(used.phases) > 1 else []
    found += [_memory_picture(used)] if len(used.memory) > 2 else []
    return found


def _growths(phase: str, sized: Sequence[Run]) -> tuple[Growth, Growth]:
    """How time and memory of a phase grow with the rows, from the runs that had it."""
    of = [(each.rows, use) for each in sized if each.rows for use in each.used.phases if use.phase == phase]
    seconds = growth([rows for rows, _ in of], [use.seconds for _, use in of]) if of else Growth()
    held = [(rows, use.peak_bytes) for rows, use in of if use.peak_bytes]
    return seconds, growth([rows for rows, _ in held], [peak for _, peak in held]) if held else Growth()


def what_breaks(later: Sequence[Tenfold], space: int, *, fitted: bool) -> str:
    """Which phase breaks first on ten times the data, in words."""
    first, memory = breaks_first(later)
    basis = "as fitted to runs of several sizes, the worse of two fits" if fitted else \
        "taken to grow in proportion to the data: give --rows or --sizes to know"
    if memory and first.breaks_at is not None:
        return (f"First to break: '{first.phase}', whose memory no longer fits into {space / 2**30:,.1f} GiB at "
                f"{first.breaks_at:.1f} times the data ({basis}).")
    whole = sum(each.seconds for each in later)
    return (f"Ten times the data fit into {space / 2**30:,.1f} GiB; most of the time would go to '{first.phase}': "
            f"{first.seconds:,.1f} of {whole:,.1f} s ({basis}).")


def _growth_table(sized: Sequence[Run]) -> Table:
    runs = [each for each in sized if each.rows]
    rows: list[Row] = []
    for measure in MEASURES:
        found = exponent([each.rows or 1 for each in runs], [max(float(getattr(each.used, measure)), 1e-12)
                                                            for each in runs])
        rows.append({"measure": measure, "exponent": found.exponent, "low": found.low, "high": found.high,
                     "n": found.n, "reason": found.reason or None,
                     "method": "least squares on the logs, Student's interval"})
    return Table.of("scaling", rows, "measure", Column("exponent", digits=2), Column("low", digits=2),
                    Column("high", digits=2), Column("n", "runs"), "reason",
                    title="Growth: rows to the power of")


def _gpus(gpus: Sequence[Gpu]) -> Table:
    rows: list[Row] = [{**asdict(each), "peak_mib": None if each.peak_bytes is None else each.peak_bytes / MIB,
                        "total_mib": None if each.total_bytes is None else each.total_bytes / MIB} for each in gpus]
    return Table.of("gpus", rows, "gpu", "name", Column("utilisation", "busy", share=True, digits=0),
                    Column("peak_mib", "peak", unit="MiB", digits=0), Column("total_mib", "of", unit="MiB", digits=0),
                    Column("watts", unit="W", digits=0), "samples", title="GPUs, whoever used them")


def beside_earlier(used: Measured, earlier: Sequence[Measured], limit: float) -> list[Row]:
    """Time, CPU and memory beside those of earlier runs."""
    rows: list[Row] = []
    for measure in MEASURES:
        value = float(getattr(used, measure))
        found = beside(value, [float(getattr(each, measure)) for each in earlier], limit)
        status = Status.UNKNOWN if found.worse is None else Status.FAIL if found.worse else Status.PASS
        unit, scale = ("MiB", MIB) if measure == "peak_bytes" else ("s", 1)
        rows.append({"measure": measure, "of": f"{measure.removesuffix('_bytes').replace('_', ' ')} [{unit}]",
                     "now": value / scale, "usual": None if found.median is None else found.median / scale,
                     "value": value, "median": found.median, "ratio": found.ratio,
                     "bound": found.bound, "runs": found.n, "status": status, "reason": found.reason or None,
                     "limit": limit, "method": "above limit × median and above the 95 % prediction bound on the logs"})
    return rows


def worst_of(rows: Sequence[Row]) -> Status:
    """The status of all measures; a failure before what is not known."""
    return worst(Status(str(row["status"])) for row in rows)


def _earlier(rows: Sequence[Row]) -> Part:
    """The comparison; why there is none where that is so of all of it."""
    reasons = {row["reason"] for row in rows}
    if len(reasons) == 1 and None not in reasons:
        return Text(f"Beside earlier runs of the same: {reasons.pop()}.")
    return Table.of("regression", rows, Column("of", "measure"), Column("now", digits=2),
                    Column("usual", "median", digits=2), Column("ratio", digits=2), "runs", "status", "reason",
                    title="Beside earlier runs of the same")


def _phases_picture(used: Measured) -> Series:
    return Series("phases", "bar", tuple(each.phase for each in used.phases),
                  tuple(each.seconds for each in used.phases), title="Time by phase", x_label="phase",
                  y_label="seconds")


def _memory_picture(used: Measured) -> Series:
    """The course of memory, the most of each stretch of time."""
    step = -(-len(used.memory) // POINTS)
    most = [max(used.memory[at:at + step], key=lambda each: each[1]) for at in range(0, len(used.memory), step)]
    return Series("memory", "line", tuple(round(at, 3) for at, _ in most), tuple(held / MIB for _, held in most),
                  title="Memory of all its processes", x_label="seconds", y_label="MiB")


def memory_of_machine() -> int:
    """Bytes that a process may have: the machine's, or what its container is given."""
    found = psutil.virtual_memory().total
    for path in CGROUPS:
        with suppress(OSError, ValueError):
            found = min(found, int(Path(path).read_text(encoding="ascii")))
    return int(found)
