"""The command line: a second front end beside the UI, which keeps the loop honest. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from refine_tui.core.errors import RefineError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Errors and defects go to stderr as sentences; tracebacks of defects go to the log, and with `--debug` to stderr.
    """
    from refine_tui.cli.parser import parse

    options = parse(sys.argv[1:] if arguments is None else list(arguments))
    if options.no_color or options.plain:
        os.environ["NO_COLOR"] = "1"
    from refine_tui.cli.recording import keep_log

    keep_log(errors_too=options.debug)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except RefineError as error:
        if options.debug:
            raise
        print(f"refine-tui: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        if options.debug:
            raise
        print("refine-tui: interrupted. `refine-tui history` lists what was written, if anything was.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away, as in `| head`: keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as defect:
        if options.debug:
            raise
        from refine_tui.loop.defects import in_words

        print(f"refine-tui: {in_words(defect)}", file=sys.stderr)
        return 1
    return status
