"""What the jobs themselves say: one line when a job starts and one when it ends, appended to a file that no part knows of."""

import collections
import stat

# A line is one write(2) with O_APPEND: lines of many jobs never mix.
JOB = """#!/bin/sh
# job LEDGER OPERATION CODE LINES SECONDS
echo "$ESTIBA_EXECUTION $ESTIBA_NODE $2 start" >>"$1" || exit 99
[ "$4" = 0 ] || awk -v job="$2" -v lines="$4" 'BEGIN {
    for (i = 1; i <= lines; i++) { print job, "out", i; if (i % 3 == 0) print job, "err", i >"/dev/stderr" }
}'
[ "$5" = 0 ] || sleep "$5"
echo "$ESTIBA_EXECUTION $ESTIBA_NODE $2 end $3" >>"$1"
exit "$3"
"""


def output(operation, lines):
    """The bytes of stdout and stderr of a job that prints `lines` lines."""
    out = "".join(f"{operation} out {line}\n" for line in range(1, lines + 1))
    err = "".join(f"{operation} err {line}\n" for line in range(3, lines + 1, 3))
    return {"stdout": out.encode(), "stderr": err.encode()}


Entry = collections.namedtuple("Entry", "execution node operation event code")


class Ledger:
    """The file and the job that writes to it, in a folder that every account can reach."""

    def __init__(self, folder):
        self.path = folder / "ledger"
        self.path.touch()
        self.path.chmod(0o666)
        self.job = folder / "job"
        self.job.write_text(JOB)
        self.job.chmod(self.job.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def arguments(self, operation, code=0, lines=0, seconds=0, program=None):
        return [str(program or self.job), str(self.path), operation, str(code), str(lines), str(seconds)]

    def entries(self):
        return parse(self.path.read_text())


def parse(text):
    entries = []
    for line in text.splitlines():
        execution, node, operation, event, *code = line.split(" ")
        entries.append(Entry(execution, node, operation, event, int(code[0]) if code else None))
    return entries
