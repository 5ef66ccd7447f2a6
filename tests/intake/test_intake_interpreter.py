"""A fork reads as a new interpreter does, is handed no more, and is made only where that is sound.

Each test runs in a process of its own: the suite's has threads of Polars.
"""

import errno
import json
import os
import subprocess
import sys

HEAD = "订单编号,下单时间,商品货号,数量,单价,币制,运抵国"
GOOD = f"{HEAD}\nA-1,2026-04-01,SKU-1,2,1.50,USD,US\nA-2,2026-02-30,SKU-1,two,1.50,USD,US\n"


def told(script: str) -> object:
    """What a script prints as JSON, run by a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120,
        env=os.environ | {"SECRET": "of the parent"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_fork_reads_what_a_new_interpreter_reads():
    found = told(f"""
import io, json, sys
from xborder import intake
from xborder.intake import interpreter
answers = []
for forked in (True, False):
    with intake.Nursery(forked=forked) as nursery:
        answers.append(type(nursery._process) is interpreter._Fork)
        for data in ({GOOD!r}.encode(), b"PK\\x03\\x04 no workbook", b""):
            one = intake.read(io.BytesIO(data), "orders.csv", nursery=nursery)
            answers.append([one.usable, one.records.rows(), one.findings.rows()])
half = len(answers) // 2
assert answers[1:half] == answers[half + 1:]
json.dump([answers[0], answers[half], len(answers[1][1]), len(answers[2][2])], sys.stdout)
""")
    assert found == [True, False, 2, 1]


def test_a_fork_is_handed_one_socket_and_nothing_else():
    variables, files, own_session, folder, threads = told("""
import json, os, socket, sys
from xborder.intake import child, interpreter
import polars as pl
def serve(line):
    open_now = sorted(int(one) for one in os.listdir("/proc/self/fd"))
    said = [sorted(os.environ), open_now, os.getsid(0) == os.getpid(), os.getcwd(),
            pl.thread_pool_size()]
    socket.socket(fileno=line).send(json.dumps(said).encode())
child.serve = serve
other = open(os.devnull)
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
started = interpreter.start(theirs, forked=True)
print(ours.recv(65536).decode())
started.wait(5)
""")  # type: ignore[misc]
    assert "SECRET" not in variables
    assert set(files) <= {0, 1, 2, 3, 4}  # 4: the listing itself
    assert own_session and folder == "/" and threads == 1


def test_where_threads_run_a_new_interpreter_is_started():
    found = told("""
import json, socket, sys, threading
from xborder.intake import interpreter
import polars as pl
before = interpreter.busy_threads()
pl.DataFrame({"a": [1]}).select(pl.col("a") + 1)
after = interpreter.busy_threads()
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
started = interpreter.start(theirs, forked=True)
ours.close(), theirs.close()
started.wait(60)
json.dump([before, after, type(started).__name__], sys.stdout)
""")
    assert found == [False, True, "Popen"]


def test_a_fork_that_does_not_end_is_killed():
    found = told("""
import json, socket, subprocess, sys, time
from xborder.intake import child, interpreter
child.serve = lambda line: time.sleep(60)
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
started = interpreter.start(theirs, forked=True)
try:
    started.wait(0.1)
except subprocess.TimeoutExpired:
    started.kill()
    started.wait()
    json.dump("killed", sys.stdout)
""")
    assert found == "killed"


def test_a_twin_reads_as_its_interpreter_does_and_ends_with_it():
    found = told(f"""
import io, json, os, sys, threading, time
from xborder import intake
before = time.monotonic()
answers = {{}}
def read(name, nursery):
    answers[name] = []
    for data in ({GOOD!r}.encode(), b"PK\\x03\\x04 no workbook", b"") * 2:
        one = intake.read(io.BytesIO(data), "orders.csv", nursery=nursery)
        answers[name].append([one.usable, one.records.rows(), one.findings.rows()])
with intake.Nursery() as first:
    with intake.Nursery(beside=first) as twin, intake.Nursery(beside=first) as third:
        both = [threading.Thread(target=read, args=one) for one in
                (("first", first), ("twin", twin), ("third", third))]
        for one in both: one.start()
        for one in both: one.join()
    read("alone", first)
    pid = first._process.pid
    of_first = open(f"/proc/{{pid}}/task/{{pid}}/children").read().split()
    states = []
    while set(states) != {{"Z"}} and time.monotonic() < before + 60:
        states = [open(f"/proc/{{one}}/stat").read().rpartition(")")[2].split()[0]
                  for one in of_first]
ended = first._process.returncode
same = answers["first"] == answers["twin"] == answers["third"] == answers["alone"]
json.dump([same, len(answers["twin"][0][1]), states, ended], sys.stdout)
""")
    # Its twins have ended before, and left their times to it.
    assert found == [True, 2, ["Z", "Z"], 0]


def test_a_reader_writes_no_file(tmp_path):
    found = told(f"""
import errno
import json
from xborder.intake import child
child.limit(1 << 30, 10)
try:
    open({str(tmp_path / "own")!r}, "wb", 0).write(b"x")
    print(json.dumps(""))
except OSError as error:
    print(json.dumps(type(error).__name__ + str(error.errno)))
""")
    assert found == f"OSError{errno.EFBIG}"
    assert (tmp_path / "own").stat().st_size == 0
