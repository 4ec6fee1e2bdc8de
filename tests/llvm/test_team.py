"""Threads below Python: every chunk once, whoever comes and goes; forks, signals, the end of the process."""

import ctypes
import os
import signal
import struct
import subprocess
import sys
import threading
import time

import llvmlite.binding as llvm
import numpy as np
import pytest

from fastgrad.llvm import machine, team, teamcode
from fastgrad.llvm.team import Team

TEXT = """
define i64 @count(i64 %start, i64 %stop, ptr %arguments) {
entry:
  %counts = load ptr, ptr %arguments, align 8
  %turns_at = getelementptr i64, ptr %arguments, i64 1
  %turns = load i64, ptr %turns_at, align 8
  %odd_at = getelementptr i64, ptr %arguments, i64 2
  %odd = load i64, ptr %odd_at, align 8
  br label %items
items:
  %i = phi i64 [%start, %entry], [%following, %done]
  %seen = phi i64 [0, %entry], [%sees, %done]
  %more = icmp slt i64 %i, %stop
  br i1 %more, label %turn, label %end
turn:
  %n = phi i64 [%turns, %items], [%less, %turn]
  %less = sub i64 %n, 1
  %watched = load volatile i64, ptr %turns_at, align 8
  %again = icmp sgt i64 %less, 0
  br i1 %again, label %turn, label %done
done:
  %place = getelementptr i64, ptr %counts, i64 %i
  atomicrmw add ptr %place, i64 1 seq_cst
  %is_odd = icmp eq i64 %i, %odd
  %flag = select i1 %is_odd, i64 2, i64 0
  %sees = or i64 %seen, %flag
  %following = add i64 %i, 1
  br label %items
end:
  ret i64 %seen
}
"""
TURNS = 3_000  # to an item of some us

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no helpers on this system")


class Counted:
    """A kernel that counts how often it is called for each item."""

    def __init__(self, total, turns=1, odd=-1):
        self.function = machine.functions(TEXT, "count")[0]
        self.counts = np.zeros(total, np.int64)
        self.block = np.array([self.counts.ctypes.data, turns, odd])
        self.argument, self.total = self.block.ctypes.data, total

    def shared(self, helpers, chunk=1, wanted=3, rouse=True):
        """All items by a team; the marks."""
        assert helpers.can_help(wanted)
        begin, end, marks = 0, self.total, []
        while begin < end:
            done = helpers.share(self.function, self.argument, begin, end, chunk, wanted, rouse=rouse)
            if done is not None:
                begin, end = done.begin, done.end
                marks += done.marks
        return marks

    def is_still(self):
        before = self.counts.sum()
        time.sleep(0.02)
        return self.counts.sum() == before


@pytest.fixture
def helpers():
    made = Team()
    yield made
    made.dismiss()


def threads_of_the_system():
    """How many there are, when those that have ended are gone."""
    counts = [0]
    while len(counts) < 3 or len(set(counts[-3:])) > 1:
        counts.append(len(os.listdir("/proc/self/task")))
        time.sleep(5e-3)
    return counts[-1]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
@pytest.mark.parametrize("wanted", [1, 2, 5])
@pytest.mark.parametrize("total", [1, 63, 500])
def test_every_item_once(helpers, total, wanted, chunk):
    for rouse in (True, False, True):
        work = Counted(total, 300)
        assert work.shared(helpers, chunk, wanted, rouse) == []
        assert (work.counts == 1).all()


def test_helpers_help(helpers):
    work = Counted(400, TURNS)
    helpers.can_help(1)
    seen, alone = [], 0.0
    for _ in range(200):
        begin = time.thread_time()
        done = helpers.share(work.function, work.argument, 0, 400, 10, 1, rouse=True, patience=1e-3)
        seen.append(time.thread_time() - begin)
        assert done.begin == done.end
    for _ in range(20):
        begin = time.thread_time()
        work.function(0, 400, work.argument)
        alone = max(alone, time.thread_time() - begin)
    assert (work.counts == 220).all()
    assert min(seen) < 0.9 * alone


def test_many_short_jobs_without_loss(helpers):
    work, rounds = Counted(48), 100_000
    helpers.can_help(2)
    for _ in range(rounds):
        done = helpers.share(work.function, work.argument, 0, 48, 4, 2, rouse=True, patience=5e-5)
        assert done.begin >= done.end
    assert (work.counts == rounds).all()


def test_jobs_after_pauses(helpers):
    work, rounds = Counted(64, 200), 300
    pauses = np.random.default_rng(0).choice([0.0, 2e-5, 6e-5, 1e-4, 3e-4, 2e-3], rounds)
    helpers.can_help(2)
    for pause in pauses:
        until = time.perf_counter() + pause
        while time.perf_counter() < until:
            pass
        helpers.share(work.function, work.argument, 0, 64, 2, 2, rouse=bool(pause > 5e-5), patience=7e-5)
    assert (work.counts == rounds).all()


def test_what_sharing_costs_is_remembered(helpers, monkeypatch):
    work, tell, clock = Counted(64), struct.Struct("3q"), [0.0]
    helpers.can_help(1)

    def share(job, unused, base):
        clock[0] += 2e-3  # of two milliseconds
        words = (ctypes.c_char * (8 * len(teamcode.JOB))).from_address(job)
        tell.pack_into(words, 8 * teamcode.JOB.index("own"), own, 64 | 32 << 32, spent)
        return 0

    def debt():
        helpers.share(work.function, work.argument, 0, 64, 1, 1, rouse=False)
        return helpers.debt

    monkeypatch.setattr(helpers, "_share", share)
    monkeypatch.setattr(team, "perf_counter", lambda: clock[0])
    own, spent = 32, 500_000  # half a millisecond for a half
    assert debt() == pytest.approx(1e-3)
    assert debt() == pytest.approx(2e-3)
    own, spent = 32, 1_750_000  # three and a half alone
    assert debt() == pytest.approx(0.5e-3)
    assert debt() == 0.0
    own, spent = 0, 0  # nobody knows
    assert debt() == 0.0
    own, spent = 32, 0
    monkeypatch.setattr(team, "DEEPEST", 1e-3)
    assert debt() == 1e-3


@pytest.mark.parametrize("odd", [0, 333, 498, 499])
def test_marks_name_the_items(helpers, odd):
    for chunk in (1, 30, 600):
        work = Counted(500, 50, odd)
        ((mark, first, last),) = work.shared(helpers, chunk)
        assert mark == 2
        assert first <= odd < last <= 500
        assert last - first <= chunk
        assert (work.counts == 1).all()


def test_long_jobs_come_back_for_ctrl_c(helpers):
    helpers.can_help(1)
    work = Counted(400_000, TURNS)
    begin = time.perf_counter()
    done = helpers.share(work.function, work.argument, 0, work.total, 50, 1, rouse=True)
    assert 0 < done.begin < done.end <= work.total
    assert time.perf_counter() - begin >= team.BUDGET
    assert (work.counts[: done.begin] == 1).all()
    assert (work.counts[done.end :] == 1).all()
    assert (work.counts[done.begin : done.end] == 0).all()
    assert work.is_still()


def test_one_thread_at_a_time_has_the_team(helpers):
    helpers.can_help(1)
    long, found = Counted(4000, TURNS), []
    holder = threading.Thread(target=lambda: long.shared(helpers, 40))
    holder.start()
    until = time.monotonic() + 20.0
    while not found and time.monotonic() < until:
        other = Counted(4, 1)
        if helpers.share(other.function, other.argument, 0, 4, 1, 1, rouse=True) is None:
            assert (other.counts == 0).all()
            found.append(1)
        if not holder.is_alive():
            holder = threading.Thread(target=lambda: Counted(4000, TURNS).shared(helpers, 40))
            holder.start()
    holder.join()
    assert found


def test_dismissed_they_are_gone_and_others_come(helpers):
    before = threads_of_the_system()
    for wanted in (3, 1, 4):
        work = Counted(200, 100)
        work.shared(helpers, 5, wanted)
        assert threads_of_the_system() == before + wanted
        helpers.dismiss()
        assert threads_of_the_system() == before
        helpers.share(work.function, work.argument, 0, 200, 5, wanted, rouse=True)  # nobody is there to help
        assert (work.counts == 2).all()
        helpers.dismiss()


def test_dismissed_while_they_work(helpers):
    work = Counted(20_000, TURNS)
    holder = threading.Thread(target=work.shared, args=(helpers, 20))
    holder.start()
    for _ in range(20):
        time.sleep(2e-3)
        helpers.dismiss()
    holder.join()
    assert (work.counts == 1).all()


def blocked(thread):
    with open(f"/proc/self/task/{thread}/status", encoding="ascii") as file:
        (mask,) = [int(line.split()[1], 16) for line in file if line.startswith("SigBlk")]
    return {s for s in signal.valid_signals() if mask >> (s - 1) & 1}


def test_signals_are_for_other_threads(helpers):
    before = set(os.listdir("/proc/self/task"))
    helpers.can_help(2)
    mine = set(os.listdir("/proc/self/task")) - before
    assert len(mine) == 2
    until = time.monotonic() + 10.0  # a thread begins with all signals blocked
    while any(signal.SIGSEGV in blocked(thread) for thread in mine) and time.monotonic() < until:
        time.sleep(1e-3)
    for thread in mine:
        assert {signal.SIGINT, signal.SIGALRM, signal.SIGTERM} <= blocked(thread)
        assert not {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE} & blocked(thread)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_helpers_may_run_where_their_owner_may(helpers):
    own = threading.get_native_id()
    allowed, before = os.sched_getaffinity(own), set(os.listdir("/proc/self/task"))
    helpers.can_help(1)
    (thread,) = set(os.listdir("/proc/self/task")) - before
    work, rounds = Counted(100, 300), 0
    try:
        for processors in (allowed, {min(allowed)}, {max(allowed)}, allowed):
            os.sched_setaffinity(own, processors)
            for _ in range(20):
                time.sleep(1e-3)
                helpers.share(work.function, work.argument, 0, 100, 5, 1, rouse=True)
                rounds += 1
    finally:
        os.sched_setaffinity(own, allowed)
    assert (work.counts == rounds).all()
    assert os.sched_getaffinity(int(thread)) <= allowed


def test_no_thread_to_be_had(helpers, monkeypatch):
    work = Counted(100)
    assert helpers.can_help(1)
    monkeypatch.setattr(team, "_STACK", 1 << 50)  # more than there is
    before = threads_of_the_system()
    work.shared(helpers, 3, 4)
    assert (work.counts == 1).all()
    assert threads_of_the_system() == before


def test_a_system_without(monkeypatch):
    monkeypatch.setattr(teamcode, "text", lambda triple: "")
    refused = Team()
    assert not refused.can_help(2)
    refused.forget()
    refused.dismiss()


@pytest.mark.parametrize(
    "triple",
    ["arm64-apple-darwin23", "x86_64-pc-windows-msvc", "x86_64-unknown-linux-gnux32", "riscv64-unknown-linux-gnu"],
)
def test_systems_without(triple):
    assert teamcode.text(triple) == ""


@pytest.mark.parametrize("triple", ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu"])
def test_other_processors_have_the_code(triple):
    module = llvm.parse_assembly(teamcode.text(triple), machine._context())
    module.verify()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple).create_target_machine()
    assert target.emit_object(module)


# --- forks -----------------------------------------------------------------------------------------------------------


def ended_well(child):
    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        process, status = os.waitpid(child, os.WNOHANG)
        if process:
            return status == 0
        time.sleep(1e-3)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("during", [False, True])
def test_a_child_of_a_fork_has_its_own(helpers, during):
    work = Counted(300_000 if during else 100, TURNS)
    work_of_parent = threading.Thread(target=work.shared, args=(helpers, 50))
    work_of_parent.start()
    if not during:
        work_of_parent.join()
    for _ in range(10):
        child = os.fork()
        if child == 0:
            try:
                helpers.forget()  # what a fork of the house's own team has done for it
                own = Counted(500, 300)
                own.shared(helpers, 3, 2)
                good = (own.counts == 1).all() and threads_of_the_system() == 3
                helpers.dismiss()
                os._exit(0 if good and threads_of_the_system() == 1 else 1)
            finally:
                os._exit(2)
        assert ended_well(child)
    work_of_parent.join()
    assert (work.counts == 1).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("during", [False, True])
def test_a_child_whose_fork_nobody_noticed_works_alone(helpers, during):
    work = Counted(300_000 if during else 100, TURNS)
    work_of_parent = threading.Thread(target=work.shared, args=(helpers, 50))
    work_of_parent.start()
    while not work.counts.any():
        time.sleep(1e-3)
    if not during:
        work_of_parent.join()
    child = os.fork()
    if child == 0:
        try:
            own, begin, end = Counted(500, 300), 0, 500
            while begin < end:
                done = helpers.share(own.function, own.argument, begin, end, 5, 2, rouse=True)
                if done is None:  # the parent's thread had the team
                    os._exit(0)
                begin, end = done.begin, done.end
            os._exit(0 if (own.counts == 1).all() else 1)
        finally:
            os._exit(2)
    assert ended_well(child)
    work_of_parent.join()
    assert (work.counts == 1).all()


# --- the end of a process --------------------------------------------------------------------------------------------

END = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
from test_team import Counted, Team, TURNS
helpers, work = Team(), Counted(2_000_000 if sys.argv[2] == "working" else 200, TURNS)
if sys.argv[2] == "working":
    threading.Thread(target=work.shared, args=(helpers, 20, 2), daemon=True).start()
    time.sleep(0.02)
else:
    work.shared(helpers, 5, 2)
    time.sleep(0.01 if sys.argv[2] == "asleep" else 0.0)
"""


@pytest.mark.parametrize("how", ["awake", "asleep", "working"])
def test_a_process_ends(how):
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", END, os.path.dirname(__file__), how],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
