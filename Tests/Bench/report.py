"""From samples to rows with goals, and from rows to Markdown, JSON and SVG. Runs nothing."""

import dataclasses
import json
import os
import statistics

import chart

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass(frozen=True)
class Goal:
    """A row of the table: ours divided by the other, and what the quotient must not exceed.

    Several pairs of measurements make one row by their worst quotient. Without a goal a row only
    informs.
    """

    name: str
    what: str
    against: str
    pairs: tuple[tuple[str, str], ...]
    unit: str  # "s" or "bytes"
    goal: float | None


def goal(name: str, what: str, against: str, ours: str, other: str, most: float | None, unit="s"):
    return Goal(name, what, against, ((ours, other),), unit, most)


WARM = "materialize, index warm"
COLD = "materialize, blobs present, no index"
NATIVE = "`mkfs.ext4 -d` of the unpacked directory"
WHOLE = "first `tar cf - \\| wc -c`"
READS = "random 4 KiB reads in random files"
GOALS = (
    goal("materialize-warm", WARM, NATIVE, "materialize.warm", "native", 1.10),
    goal("materialize-cold", COLD, NATIVE, "materialize.cold", "native", 1.25),
    goal(
        "materialize-umoci", COLD, "`umoci raw unpack` + `mkfs.ext4 -d`",
        "materialize.cold", "umoci", 0.33,
    ),
    goal(
        "mount-warm", "mount to first `ls`, index warm", "ratarmount, index warm",
        "mount.warm", "ratarmount.warm", 0.04,
    ),
    goal(
        "mount-cold", "mount to first `ls`, no index", "ratarmount, no index",
        "mount.cold", "ratarmount.cold", 0.25,
    ),
    goal("find", "first `find -ls`", "ratarmount", "mount.find", "ratarmount.find", 0.08),
    goal("tar", WHOLE, "ratarmount", "mount.tar", "ratarmount.tar", 0.12),
    goal("tar-igzip", WHOLE, "`igzip -dc` of all layers", "mount.tar", "igzip", 1.2),
    goal("tar-gzip", WHOLE, "`gzip -dc` of all layers", "mount.tar", "gzip", None),
    goal(
        "random-p50", READS + ", p50", "ratarmount",
        "mount.random.p50", "ratarmount.random.p50", 0.5,
    ),
    goal(
        "random-p90", READS + ", p90", "ratarmount",
        "mount.random.p90", "ratarmount.random.p90", 0.05,
    ),
    Goal(
        "memory", "peak memory of the server in all of these", "ratarmount",
        (
            ("memory.ours.cold", "memory.ratarmount.cold"),
            ("memory.ours.warm", "memory.ratarmount.warm"),
        ),
        "bytes", 0.20,
    ),
    goal(
        "index-size", "index size", "compressed layers",
        "index.bytes", "layers.bytes", 0.015, "bytes",
    ),
    goal(
        "many", "1,000,000 files, index warm: mount to first `ls`",
        "our own mount of the real image",
        "many.warm", "many.real", 1.5,
    ),
)


def summaries(samples: dict[str, list[float]]) -> dict[str, dict]:
    return {
        name: {
            "unit": "bytes" if name.startswith("memory") or name.endswith("bytes") else "s",
            "median": statistics.median(values),
            "least": min(values),
            "most": max(values),
            "samples": values,
        }
        for name, values in sorted(samples.items())
    }


def reasons() -> dict[str, str]:
    """Why a goal is missed: text that people write, `NAME: TEXT` in each line."""
    with open(f"{HERE}/reasons", encoding="utf-8") as file:
        lines = [line.strip() for line in file if ":" in line and not line.startswith("#")]
    return {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}


def rows(document: dict) -> list[dict]:
    """Each goal with its quotient; `null` where a measurement is missing, and then why."""
    found = []
    measured, failures, why = document["measurements"], document["failures"], reasons()
    for row in GOALS:
        values = {"name": row.name, "what": row.what, "against": row.against, "goal": row.goal}
        values |= {"unit": row.unit, "ratio": None, "isMet": None, "ours": None, "other": None}
        missing = [name for pair in row.pairs for name in pair if name not in measured]
        # A step that failed in a later run has samples, but its median is of too few.
        steps = {step_of(name) for pair in row.pairs for name in pair}
        broken = [failures[step] for step in sorted(steps & failures.keys())]
        if missing or broken:
            values["reason"] = "; ".join(broken) or f"not measured: {', '.join(missing)}"
        else:
            ours, other = max(row.pairs, key=lambda pair: quotient(measured, pair))
            ratio = quotient(measured, (ours, other))
            values |= {"ratio": ratio, "ours": measured[ours], "other": measured[other]}
            values["isMet"] = None if row.goal is None else ratio <= row.goal
            if values["isMet"] is False and row.name in why:
                values["reason"] = why[row.name]
        found.append(values)
    return found


def step_of(measurement: str) -> str:
    """The step of ./measure that a measurement comes from: what fails there fails here."""
    if measurement.startswith("memory."):
        return {"ours": "mount", "ratarmount": "ratarmount"}[measurement.split(".")[1]]
    return measurement if measurement.startswith("materialize") else measurement.split(".")[0]


def quotient(measured: dict, pair: tuple[str, str]) -> float:
    ours, other = (measured[name]["median"] for name in pair)
    return ours / other if other else float("inf")


def amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 1e6:,.1f} MB" if value < 1e8 else f"{value / 1e6:,.0f} MB"
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def spread(summary: dict, unit: str) -> str:
    """The median, and between what it lies where there is more than one sample."""
    text = amount(summary["median"], unit)
    if len(summary["samples"]) == 1:
        return text
    return f"{text} ({amount(summary['least'], unit)} – {amount(summary['most'], unit)})"


def ratio_text(row: dict, value: float) -> str:
    if row["name"] == "index-size":
        return f"{value * 100:.2g} %"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def table(document: dict) -> str:
    lines = [
        "| what | against | ours | the other | ratio | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        verdict = {True: "met", False: "**missed**", None: ""}[row["isMet"]]
        cells = [row["what"], row["against"]]
        if row["ratio"] is None:
            cells += ["", "", "", limit_text(row), "**failed**: " + cell(row["reason"])]
        else:
            cells += [spread(row[side], row["unit"]) for side in ("ours", "other")]
            if "reason" in row:
                verdict += ": " + cell(row["reason"])
            cells += [ratio_text(row, row["ratio"]), limit_text(row), verdict]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + notes(document)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def limit_text(row: dict) -> str:
    if row["goal"] is None:
        return ""
    most = row["goal"]
    return f"≤ {most * 100:g} %" if row["name"] == "index-size" else f"≤ {most:.2f}"


def notes(document: dict) -> str:
    """What stands below the table: more numbers, and what they were measured with."""
    machine, measured = document["machine"], document["measurements"]
    memory = machine["memoryBytes"]
    lines = [
        f"{document['date'][:10]}, medians of {document['runs']} runs "
        "(least – most of all samples). "
        f"{machine['cores']} cores of {machine['processor']}, "
        f"{'?' if memory is None else round(memory / 2**30)} GiB, {machine['system']}, "
        f"Linux {machine['kernel']}, {machine['fileSystem']}; load before it began "
        f"{machine['loadBefore']:.1f}. "
        + "; ".join(f"{name}: {text}" for name, text in document["versions"].items()) + "."
    ]
    if document["isQuick"]:
        lines.insert(0, "**A trial with small images: not a measurement.**")
    if image := document.get("image"):
        lines.append(
            f"The real image: {image['layers']} layers, "
            f"{amount(image['compressedBytes'], 'bytes')} compressed, {amount(image['fileBytes'], 'bytes')} in {image['files']:,} files, "
            f"{image['entries']:,} entries; unpacked as {document['unpackedAs']}."
        )
    if many := document.get("many"):
        lines.append(
            f"The image of many files: {many['files']:,} files, {many['layers']} layers, "
            f"{amount(many['compressedBytes'], 'bytes')} compressed."
        )
    if options := document.get("mkfsOptions"):
        lines.append(f"All file systems were made by `mkfs.ext4 {options}`.")
    if faults := document.get("ratarmountFaults"):
        told = "; ".join(cell(text) for text in faults)
        lines.append(f"What ratarmount could not read (its times count nevertheless): {told}.")
    others = [name for name in measured if not is_in_a_row(name)]
    lines.append(
        "Not in the table: "
        + "; ".join(f"`{name}` {spread(measured[name], measured[name]['unit'])}" for name in others)
        + "."
    )
    for name, counts in document["requests"].items():
        listed = ", ".join(f"{count:,} {request}" for request, count in sorted(counts.items()))
        lines.append(f"Requests of the kernel during `{name}`: {listed}.")
    return "\n\n".join(lines) + "\n"


def is_in_a_row(name: str) -> bool:
    return any(name in pair for row in GOALS for pair in row.pairs)


def write(document: dict, directory: str) -> str:
    """Completes the document by its rows, and returns the table. Files are replaced as a whole."""
    document["rows"] = rows(document)
    text = table(document)
    os.makedirs(directory, exist_ok=True)
    contents = {
        "results.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        "table.md": text,
        "chart.svg": chart.draw(document["rows"], amount, ratio_text),
    }
    for name, content in contents.items():
        with open(f"{directory}/{name}.new", "w", encoding="utf-8") as file:
            file.write(content)
        os.rename(f"{directory}/{name}.new", f"{directory}/{name}")
    return text
