"""Notebooks without outputs: the filter that git applies to notebooks/ (`python -m replication.strip < in > out`).

On the standard library alone, because git starts it for every notebook that it looks at.
"""

import json
import sys
from typing import Any

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def stripped(text: str) -> str:
    """The notebook without outputs, counts and settings of who ran it last, its keys in Jupyter's order.

    Anything that is no notebook is returned unchanged.
    """
    try:
        notebook: dict[str, Any] = json.loads(text)
        for cell in notebook["cells"]:
            cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key == "tags"}
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
        notebook["metadata"] = {"kernelspec": _KERNEL}
    except (ValueError, TypeError, KeyError, AttributeError):
        return text
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Filter standard input to standard output, UTF-8 whatever the console."""
    sys.stdout.buffer.write(stripped(sys.stdin.buffer.read().decode("utf-8")).encode("utf-8"))


if __name__ == "__main__":
    main()
