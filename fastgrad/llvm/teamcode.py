"""The machine code of a `team`: a loop over chunks of a kernel, for who has the work and for those who help.

All that they share is some words of memory:

- state: how many helpers are inside the job (10 bits), how many more may enter (10), the number of the job (12). A
  helper enters by one exchange of this word, so that it is inside before the end or not at all; who has the work shuts
  the door and waits only for those inside. It is also the word on which helpers sleep.
- counter: chunks taken from the front (32 bits) and from the back (32). Who has the work takes from the front, helpers
  from the back: call after call the same half of the arrays is in the same core's cache, and what nobody has taken is
  one piece. 8 to 64 chunks of a job of 30 to 700 us make no difference.

Nobody waits for a helper that is late: a wake-up that is missed costs time and never hangs.
"""

from __future__ import annotations

from string import Template

PAUSES = 1_000  # of the owner while it waits for those inside, some 30 us; then it sleeps, too

# Helpers that are told, before they are woken, not to wake where the owner is. On two cores, one of which was busy a
# moment ago, Linux wakes a thread in half of all cases on the core of who wakes it, and it takes the owner's time:
# after a pause of 1 ms work of 60 us took 110. Among many cores it finds a free one, and each one told takes 2 us.
FEW = 3

# Where the words are. Those that different threads write often are apart by two lines of the cache.
WORDS = {
    "state": 0, "counter": 128, "job": 256, "busy": 384, "waiting": 388, "sleepers": 392, "ending": 396, "span": 400,
    "members": 512, "threads": 520, "mask": 1024, "others": 2048,
}  # fmt: skip
SIZE = 3072
MASK = 1024  # bytes of a set of processors

# What a job is, in words of 64 bits; the last ones are written at its end, and behind them is a byte for each chunk.
JOB = (
    "kernel", "arguments", "start", "stop", "chunk", "count", "helpers", "budget", "rouses", "patience",
    "saw", "own", "taken", "spent",
)  # fmt: skip

# The system's numbers of futex, sched_setaffinity, sched_getaffinity and gettid, and what lets the rest of a core run.
_SYSTEMS = {
    "x86_64": (202, 203, 204, 186, "llvm.x86.sse2.pause", "", ""),
    "aarch64": (98, 122, 123, 178, "llvm.aarch64.hint", "i32", "i32 1"),
}


def text(triple: str) -> str:
    """The module for a processor and a system; empty where there is none."""
    processor, _, system = triple.partition("-")
    if processor not in _SYSTEMS or "linux" not in system or "x32" in system:
        return ""
    futex, confine, allowed, thread, pause, takes, given = _SYSTEMS[processor]
    values: dict[str, int | str] = {
        "futex": futex, "set_affinity": confine, "get_affinity": allowed, "gettid": thread, "mask_size": MASK,
        "pauses": PAUSES, "few": FEW, "inside": 0x3FF, "door": 0x3FF << 10,
        "shut": ~(0x3FF << 10), "entry": (1 << 10) - 1, "next": 1 << 20,
        "wait": 9 | 128, "wake": 10 | 128,  # FUTEX_WAIT_BITSET and FUTEX_WAKE_BITSET, within the process
    }  # fmt: skip
    pauses = {"pause": f"call void @{pause}({given})", "declared_pause": f"declare void @{pause}({takes})"}
    words = {f"{name}_at": f"getelementptr i8, ptr %team, i64 {place}" for name, place in WORDS.items()}
    parts = {f"{name}_in": f"getelementptr i64, ptr %job, i64 {k}" for k, name in enumerate((*JOB, "marks"))}
    return Template(_SYSTEM + _CHUNK + _SHARE + _HELP).substitute(values, **pauses, **words, **parts)


_SYSTEM = """
declare i64 @syscall(i64, ...)
declare i32 @clock_gettime(i32, ptr)
declare i32 @sched_getcpu()
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
$declared_pause

define internal i64 @now() #0 {
  %time = alloca [2 x i64], align 8
  call i32 @clock_gettime(i32 1, ptr %time)
  %seconds = load i64, ptr %time, align 8
  %rest_at = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %rest_at, align 8
  %many = mul i64 %seconds, 1000000000
  %sum = add i64 %many, %rest
  ret i64 %sum
}

; Sleep until the state is another one, or somebody wakes those of a kind: helpers 1, the owner 2.
define internal void @doze(ptr %team, i32 %value, i32 %kind) #0 {
  call i64 (i64, ...) @syscall(i64 $futex, ptr %team, i32 $wait, i32 %value, ptr null, ptr null, i32 %kind)
  ret void
}

define internal i64 @wake(ptr %team, i32 %number, i32 %kind) #0 {
  %woken = call i64 (i64, ...) @syscall(i64 $futex, ptr %team, i32 $wake, i32 %number, ptr null, ptr null, i32 %kind)
  ret i64 %woken
}

; Wake helpers, the first few of them where the owner may run and does not.
define internal void @rouse(ptr %team, i32 %number) #0 {
entry:
  %mask = $mask_at
  %others = $others_at
  %threads = $threads_at
  call i64 (i64, ...) @syscall(i64 $get_affinity, i64 0, i64 $mask_size, ptr %mask)
  call void @llvm.memcpy.p0.p0.i64(ptr %others, ptr %mask, i64 $mask_size, i1 false)
  %here = call i32 @sched_getcpu()
  %byte = lshr i32 %here, 3
  %bit = and i32 %here, 7
  %narrow = trunc i32 %bit to i8
  %one = shl i8 1, %narrow
  %all = xor i8 %one, -1
  %own_at = getelementptr i8, ptr %others, i32 %byte
  %own = load i8, ptr %own_at
  %rest = and i8 %own, %all
  store i8 %rest, ptr %own_at
  br label %each
each:
  %k = phi i32 [0, %entry], [%following, %told]
  %some = icmp ult i32 %k, $few
  %more = icmp ult i32 %k, %number
  %both = and i1 %some, %more
  br i1 %both, label %one_more, label %call
one_more:
  %following = add i32 %k, 1
  %thread_at = getelementptr i64, ptr %threads, i32 %k
  %thread = load atomic i64, ptr %thread_at seq_cst, align 8
  %known = icmp ne i64 %thread, 0
  br i1 %known, label %tell, label %told
tell:
  %done = call i64 (i64, ...) @syscall(i64 $set_affinity, i64 %thread, i64 $mask_size, ptr %others)
  %alone = icmp slt i64 %done, 0
  br i1 %alone, label %end, label %told
told:
  br label %each
call:
  call i64 @wake(ptr %team, i32 %number, i32 1)
  br label %end
end:
  ret void
}

; Have all helpers go. Less than 0 where threads cannot be woken.
define i64 @dismiss(i64 %start, i64 %stop, ptr %team) #0 {
  %ending = $ending_at
  store atomic i32 1, ptr %ending seq_cst, align 4
  atomicrmw add ptr %team, i32 $next seq_cst
  %woken = call i64 @wake(ptr %team, i32 2147483647, i32 1)
  ret i64 %woken
}
"""

_CHUNK = """
; Chunk number k of a job.
define internal void @chunk(ptr %job, i64 %k) #0 {
  %kernel_at = $kernel_in
  %kernel = load ptr, ptr %kernel_at, align 8
  %arguments_at = $arguments_in
  %arguments = load ptr, ptr %arguments_at, align 8
  %start_at = $start_in
  %start = load i64, ptr %start_at, align 8
  %stop_at = $stop_in
  %stop = load i64, ptr %stop_at, align 8
  %chunk_at = $chunk_in
  %chunk = load i64, ptr %chunk_at, align 8
  %before = mul i64 %k, %chunk
  %first = add i64 %start, %before
  %following = add i64 %first, %chunk
  %whole = icmp slt i64 %following, %stop
  %last = select i1 %whole, i64 %following, i64 %stop
  %saw = call i64 %kernel(i64 %first, i64 %last, ptr %arguments)
  %quiet = icmp eq i64 %saw, 0
  br i1 %quiet, label %end, label %tell
tell:
  %mark = trunc i64 %saw to i8
  %marks = $marks_in
  %mark_at = getelementptr i8, ptr %marks, i64 %k
  store i8 %mark, ptr %mark_at
  %saw_at = $saw_in
  atomicrmw or ptr %saw_at, i64 %saw seq_cst
  br label %end
end:
  ret void
}
"""

_SHARE = """
; Do a job with whoever helps, for as long as it may take; `taken` tells how much that is. Returns all that chunks saw,
; or -1: somebody else has the team, and nothing is done.
define i64 @share(i64 %address, i64 %unused, ptr %team) #0 {
entry:
  %busy = $busy_at
  %asked = cmpxchg ptr %busy, i32 0, i32 1 seq_cst seq_cst
  %free = extractvalue { i32, i1 } %asked, 1
  br i1 %free, label %begin, label %refused
refused:
  ret i64 -1
begin:
  %job = inttoptr i64 %address to ptr
  %counter = $counter_at
  %waiting = $waiting_at
  %sleepers = $sleepers_at
  %count_at = $count_in
  %count = load i64, ptr %count_at, align 8
  %helpers_at = $helpers_in
  %many = load i64, ptr %helpers_at, align 8
  %helpers = trunc i64 %many to i32
  %place = $job_at
  store ptr %job, ptr %place, align 8
  store atomic i64 0, ptr %counter seq_cst, align 8
  %rouses_at = $rouses_in
  %rouses = load i64, ptr %rouses_at, align 8
  %patience_at = $patience_in
  %patience = load i64, ptr %patience_at, align 8
  %span_at = $span_at
  store atomic i64 %patience, ptr %span_at seq_cst, align 8
  %before = load atomic i32, ptr %team seq_cst, align 4
  %number = and i32 %before, -$next
  %following = add i32 %number, $next
  %door = shl i32 %helpers, 10
  %open = or i32 %following, %door
  store atomic i32 %open, ptr %team seq_cst, align 4
  %asleep = load atomic i32, ptr %sleepers seq_cst, align 4
  %some = icmp ne i32 %asleep, 0
  %wanted = icmp ne i64 %rouses, 0
  %calls = and i1 %some, %wanted
  br i1 %calls, label %call, label %go
call:
  call void @rouse(ptr %team, i32 %helpers)
  br label %go
go:
  %budget_at = $budget_in
  %budget = load i64, ptr %budget_at, align 8
  %begun = call i64 @now()
  %until = add i64 %begun, %budget
  br label %take
take:
  %own = phi i64 [0, %go], [%own_now, %run]
  %time = phi i64 [%begun, %go], [%time_now, %run]
  %late = icmp sgt i64 %time, %until
  br i1 %late, label %close, label %try
try:
  %taken = atomicrmw add ptr %counter, i64 1 seq_cst
  %front = and i64 %taken, 4294967295
  %back = lshr i64 %taken, 32
  %both = add i64 %front, %back
  %left = icmp slt i64 %both, %count
  br i1 %left, label %run, label %close
run:
  call void @chunk(ptr %job, i64 %front)
  %own_now = add i64 %own, 1
  %time_now = call i64 @now()
  br label %take
close:
  %all = atomicrmw xchg ptr %counter, i64 %count seq_cst
  atomicrmw and ptr %team, i32 $shut seq_cst
  br label %wait
wait:
  %n = phi i64 [0, %close], [%more, %pause_now], [%n, %sleep]
  %state = load atomic i32, ptr %team seq_cst, align 4
  %inside = and i32 %state, $inside
  %nobody = icmp eq i32 %inside, 0
  br i1 %nobody, label %end, label %still
still:
  %more = add i64 %n, 1
  %hopes = icmp slt i64 %n, $pauses
  br i1 %hopes, label %pause_now, label %sleep
pause_now:
  $pause
  br label %wait
sleep:
  store atomic i32 1, ptr %waiting seq_cst, align 4
  call void @doze(ptr %team, i32 %state, i32 2)
  br label %wait
end:
  store atomic i32 0, ptr %waiting seq_cst, align 4
  %own_at = $own_in
  store i64 %own, ptr %own_at, align 8
  %taken_at = $taken_in
  store i64 %all, ptr %taken_at, align 8
  %spent_at = $spent_in
  %spent = sub i64 %time, %begun
  store i64 %spent, ptr %spent_at, align 8
  %saw_at = $saw_in
  %saw = load atomic i64, ptr %saw_at seq_cst, align 8
  store atomic i32 0, ptr %busy seq_cst, align 4
  ret i64 %saw
}
"""

_HELP = """
; All that a helper does.
define ptr @help(ptr %team) #0 {
entry:
  %counter = $counter_at
  %place = $job_at
  %waiting = $waiting_at
  %sleepers = $sleepers_at
  %ending = $ending_at
  %members = $members_at
  %span_at = $span_at
  %threads = $threads_at
  %mask = $mask_at
  %thread = call i64 (i64, ...) @syscall(i64 $gettid)
  %rank = atomicrmw add ptr %members, i64 1 seq_cst
  %early = icmp ult i64 %rank, $few
  br i1 %early, label %known, label %watch
known:
  %thread_at = getelementptr i64, ptr %threads, i64 %rank
  store atomic i64 %thread, ptr %thread_at seq_cst, align 8
  br label %watch
watch:
  %done = phi i32 [-1, %entry], [-1, %known], [%done, %awake], [%number, %left], [%number, %tell]
  %begun = call i64 @now()
  %span = load atomic i64, ptr %span_at seq_cst, align 8
  %until = add i64 %begun, %span
  br label %look
look:
  %state = load atomic i32, ptr %team seq_cst, align 4
  %number = lshr i32 %state, 20
  %door = and i32 %state, $door
  %open = icmp ne i32 %door, 0
  %new = icmp ne i32 %number, %done
  %may = and i1 %open, %new
  br i1 %may, label %enter, label %rest
enter:
  %inside = sub i32 %state, $entry
  %asked = cmpxchg ptr %team, i32 %state, i32 %inside seq_cst seq_cst
  %in = extractvalue { i32, i1 } %asked, 1
  br i1 %in, label %work, label %look
rest:
  %over = load atomic i32, ptr %ending seq_cst, align 4
  %go = icmp ne i32 %over, 0
  br i1 %go, label %end, label %patience
patience:
  $pause
  $pause
  $pause
  $pause
  %time = call i64 @now()
  %late = icmp sgt i64 %time, %until
  br i1 %late, label %tired, label %look
tired:
  atomicrmw add ptr %sleepers, i32 1 seq_cst
  %again = load atomic i32, ptr %ending seq_cst, align 4
  %called = icmp ne i32 %again, 0
  br i1 %called, label %awake, label %sleep
sleep:
  call void @doze(ptr %team, i32 %state, i32 1)
  call i64 (i64, ...) @syscall(i64 $set_affinity, i64 0, i64 $mask_size, ptr %mask)
  br label %awake
awake:
  atomicrmw sub ptr %sleepers, i32 1 seq_cst
  br label %watch
work:
  %job = load ptr, ptr %place, align 8
  %count_at = $count_in
  %count = load i64, ptr %count_at, align 8
  br label %take
take:
  %taken = atomicrmw add ptr %counter, i64 4294967296 seq_cst
  %front = and i64 %taken, 4294967295
  %back = lshr i64 %taken, 32
  %both = add i64 %front, %back
  %more = icmp slt i64 %both, %count
  br i1 %more, label %run, label %leave
run:
  %last = sub i64 %count, 1
  %k = sub i64 %last, %back
  call void @chunk(ptr %job, i64 %k)
  br label %take
leave:
  atomicrmw sub ptr %team, i32 1 seq_cst
  %waits = load atomic i32, ptr %waiting seq_cst, align 4
  %told = icmp ne i32 %waits, 0
  br i1 %told, label %tell, label %left
left:
  br label %watch
tell:
  call i64 @wake(ptr %team, i32 1, i32 2)
  br label %watch
end:
  ret ptr null
}

attributes #0 = { nounwind }
"""
