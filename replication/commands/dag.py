"""The command `dag`: which experiments read whose results, small enough to read, as a tree or as a Mermaid diagram.

`dvc dag` has a node for each run, some 200 of them. Here all runs of an entry of pipeline.yaml are one node.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from replication import pipeline
from replication.errors import CommandError
from replication.reporting import published

Graph = Mapping[str, tuple[str, ...]]  # entry of pipeline.yaml -> those whose results it reads


def run(paper: str | None = None, mermaid: bool = False) -> int:
    """Print the graph of all experiments, or of those of a paper with all that they read; returns the exit code."""
    runs = Counter(stage.family for stage in pipeline.stages() if not stage.command)
    shown = chosen(graph(), paper)
    for line in diagram(shown, runs) if mermaid else tree(shown, runs):
        print(line)
    if not mermaid:
        print("Each stands above what it reads. The gallery and the scorecard read all of them.")
    return 0


def graph() -> Graph:
    """The entries of pipeline.yaml that have runs in the active profile, without the pages over all experiments."""
    stages = [stage for stage in pipeline.stages() if not stage.command]
    known = {stage.family for stage in stages}
    return {stage.family: tuple(name for name in stage.reads if name in known) for stage in stages}


def chosen(whole: Graph, paper: str | None) -> Graph:
    """The part of a graph that belongs to a paper, by the names of the entries, and all that this part reads."""
    if paper is None:
        return whole
    papers = [name for name in published.papers()["paper"] if any(entry.startswith(f"{name}_") for entry in whole)]
    paper = paper.lower()
    if paper not in papers:
        raise CommandError(f"unknown paper {paper!r}; known: {', '.join(papers)}")
    found: set[str] = set()
    wanted = [entry for entry in whole if entry.startswith(f"{paper}_")]
    while wanted:
        entry = wanted.pop()
        found.add(entry)
        wanted += [name for name in whole[entry] if name not in found]
    return {entry: whole[entry] for entry in whole if entry in found}


def tree(shown: Graph, runs: Mapping[str, int]) -> Iterator[str]:
    """Lines of text: every entry that no other one reads, with what it reads indented below it."""
    read = {name for names in shown.values() for name in names}

    def below(entry: str, indent: str) -> Iterator[str]:
        *others, last = shown[entry] or ("",)
        for name in filter(None, (*others, last)):
            yield f"{indent}{'└─' if name == last else '├─'} {_title(name, runs)}"
            yield from below(name, indent + ("   " if name == last else "│  "))

    for entry in shown:
        if entry not in read:
            yield _title(entry, runs)
            yield from below(entry, "")


def diagram(shown: Graph, runs: Mapping[str, int]) -> Iterator[str]:
    """Lines of a Mermaid flow chart, as GitHub and JupyterLab draw it."""
    yield "flowchart LR"
    for entry, names in shown.items():
        yield f'  {entry}["{_title(entry, runs)}"]'
        for name in names:
            yield f"  {name} --> {entry}"


def _title(entry: str, runs: Mapping[str, int]) -> str:
    return entry if runs[entry] == 1 else f"{entry} ({runs[entry]} runs)"
