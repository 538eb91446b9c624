"""Random scenarios (see README.md): generate(seed) is the text of one.

Each takes a few subjects (locks, queues, groups ...) and makes a few tasks do what can be done with
them, with few different durations, so that much happens at the same time.  What asyncio leaves
open never comes about: tasks await only such as have a higher number, so that no circle closes; each
name is borne by one task.
"""
import random

DURATIONS = [0, 0, 100, 100, 200, 300]
LIMITS = [0, 100, 100, 200, 300, 400]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.swallow = self.one([0.3, 0.55, 0.8])   # how often a failure is taken by `try`
        self.longest = self.one([3, 6, 6, 10])      # the most ops of a body
        self.most_tasks = self.one([2, 4, 5, 8])
        self.lines = []
        self.things = {}        # kind -> names
        self.to_spawn = []      # (task, coroutine) that nobody spawns yet
        self.generators = []    # names of those that are written
        self.words = 0

    # ---- choosing

    def chance(self, probability):
        return self.random.random() < probability

    def one(self, choices):
        return self.random.choice(choices)

    def duration(self):
        return self.one(DURATIONS)

    def word(self):
        self.words += 1
        return f"w{self.words}"

    # ---- declarations

    def declare(self, kind, name, *rest):
        self.things.setdefault(kind, []).append(name)
        self.lines.append(" ".join(map(str, (kind, name, *rest))))

    def declare_subject(self, subject):
        count = 1 + self.chance(0.3)
        for i in range(1, count + 1):
            match subject:
                case "lock":
                    self.declare("lock", f"L{i}")
                case "event":
                    self.declare("event", f"E{i}")
                case "cond":
                    lock = self.things.get("lock")
                    self.declare("cond", f"C{i}", *([self.one(lock)] if lock and self.chance(0.5) else []))
                case "sem":
                    self.declare(self.one(["sem", "bsem"]), f"S{i}", self.one([0, 1, 1, 2]))
                case "barrier":
                    self.declare("barrier", f"B{i}", self.one([1, 2, 2, 3]))
                case "queue":
                    self.declare("queue", f"Q{i}", self.one(["fifo", "fifo", "lifo", "prio"]),
                                 self.one([0, 1, 1, 2]))
                case "future":
                    self.declare("future", f"F{i}")
                case "var":
                    self.declare("var", f"V{i}")

    # ---- ops: each gives lines

    def tasks_above(self, number):
        return [f"T{i}" for i in range(number + 1, self.task_count + 1)]

    def awaitable(self, number):
        return self.tasks_above(number) + self.things.get("future", [])

    def several(self, number):
        names = self.awaitable(number)
        return [self.one(names) for _ in range(self.random.randint(1, 4))] if names else []

    def simple_ops(self, number):
        """The ops without a body that make sense here, by subject."""
        ops = [lambda: f"sleep {self.duration()}", lambda: f"sleep {self.duration()}"]
        subjects = self.subjects
        if "task" in subjects:
            anybody = ["main"] + [f"T{i}" for i in range(1, self.task_count + 1)]
            ops += [lambda: f"cancel {self.one(anybody)}", lambda: f"cancel {self.one(anybody)}",
                    lambda: "cancelself", lambda: "uncancel",
                    lambda: f"cancelling {self.one(anybody)}", lambda: f"done {self.one(anybody)}",
                    lambda: f"fail {self.random.randint(1, 9)}"]
        if "callback" in subjects:
            ops += [lambda: f"soon {self.word()}", lambda: f"later {self.duration()} {self.word()}"]
        if self.awaitable(number):
            if "task" in subjects:
                ops += [lambda: f"await {self.one(self.awaitable(number))}"] * 2
            if "many" in subjects:
                ops += [lambda: f"gather {' '.join(self.several(number))}",
                        lambda: f"gatherx {' '.join(self.several(number))}",
                        lambda: f"wait {self.one(['all', 'first', 'error'])} "
                                f"{self.one(['-', '-', *map(str, LIMITS)])} {' '.join(self.several(number))}",
                        lambda: f"ascompleted {' '.join(self.several(number))}",
                        lambda: f"waitfor {self.one(self.awaitable(number))} {self.one(LIMITS)}",
                        lambda: f"shield {self.one(self.awaitable(number))}"] * 2
        for kind, make in self.subject_ops().items():
            if self.things.get(kind):
                ops += make
        return ops

    def subject_ops(self):
        def of(kind):
            return lambda: self.one(self.things[kind])
        lock, event, cond, sem, bsem = map(of, ("lock", "event", "cond", "sem", "bsem"))
        barrier, queue, future, var = map(of, ("barrier", "queue", "future", "var"))

        def lockable(name):
            return [lambda: f"acquire {name()}", lambda: f"acquire {name()}",
                    lambda: f"release {name()}", lambda: f"release {name()}",
                    lambda: f"locked {name()}"]
        return {
            "lock": lockable(lock),
            "sem": lockable(sem),
            "bsem": lockable(bsem),
            "cond": lockable(cond) + [lambda: f"cwait {cond()}",
                                      lambda: f"notify {cond()} {self.random.randint(1, 3)}"],
            "event": [lambda: f"ewait {event()}", lambda: f"ewait {event()}",
                      lambda: f"eset {event()}", lambda: f"eclear {event()}"],
            "barrier": [lambda: f"bwait {barrier()}"] * 4 + [lambda: f"breset {barrier()}",
                                                            lambda: f"babort {barrier()}"],
            "queue": [lambda: f"put {queue()} {self.random.randint(1, 9)}"] * 3 +
                     [lambda: f"get {queue()}"] * 3 +
                     [lambda: f"putnow {queue()} {self.random.randint(1, 9)}",
                      lambda: f"getnow {queue()}", lambda: f"taskdone {queue()}",
                      lambda: f"taskdone {queue()}", lambda: f"join {queue()}",
                      lambda: f"shutdown {queue()} {self.one(['now', 'later'])}"],
            "future": [lambda: f"set {future()} {self.random.randint(1, 9)}",
                       lambda: f"setfail {future()} {self.random.randint(1, 9)}",
                       lambda: f"cancel {future()}", lambda: f"done {future()}",
                       lambda: f"await {future()}"],
            "var": [lambda: f"cset {var()} {self.random.randint(1, 9)}", lambda: f"cget {var()}"],
        }

    def prefix(self):
        return "try " if self.chance(self.swallow) else ""

    def block(self, number, indent, depth, scope):
        """The lines of a block with a body, or None where there can be none."""
        choices = []
        if "timeout" in self.subjects:
            choices += [("timeout", lambda: f"timeout {self.one(LIMITS)}")] * 3
        if "group" in self.subjects:
            choices += [("group", lambda: "group")] * 2
        for kind in ("lock", "cond", "sem", "bsem"):
            if self.things.get(kind):
                choices.append(("with", lambda kind=kind: f"with {self.one(self.things[kind])}"))
        if self.generators:
            choices += [("foreach", lambda: f"foreach {self.one(self.generators)}")] * 2
        if not choices:
            return None
        kind, make = self.one(choices)
        if kind in ("timeout", "group"):
            scope = kind
        to_spawn = self.to_spawn
        if kind == "foreach":
            self.to_spawn = []      # what is repeated spawns nothing
        body = self.body(number, indent + "  ", depth + 1, scope, self.random.randint(0, 3))
        self.to_spawn = to_spawn
        return [indent + self.prefix() + make(), *body, indent + "end"]

    def body(self, number, indent, depth, scope, count):
        """Lines; scope is the innermost timeout or group around them."""
        lines, ops = [], self.simple_ops(number)
        if scope is not None:
            count += 1
        for _ in range(count):
            if self.to_spawn and self.chance(0.3 if scope != "group" else 0.7):
                lines.append(indent + self.spawn(scope))
            elif scope == "timeout" and self.chance(0.15):
                lines.append(f"{indent}{self.prefix()}reschedule {self.one(LIMITS)}")
            elif depth < 3 and self.chance(0.3):
                lines += self.block(number, indent, depth, scope) or []
            else:
                lines.append(indent + self.prefix() + self.one(ops)())
        return lines

    def spawn(self, scope):
        task, coroutine = self.to_spawn.pop(0)
        how = "spawn"
        if scope == "group" and self.chance(0.8):
            how = "gspawn"
        elif "eager" in self.subjects and self.chance(0.5):
            how = "eager"
        prefix = "try " if how == "gspawn" and self.chance(0.3) else ""
        return f"{prefix}{how} {task} {coroutine}"

    # ---- the whole

    def generator_body(self):
        lines = []
        for _ in range(self.random.randint(1, 4)):
            if self.chance(0.6):
                lines.append(f"  yield {self.random.randint(1, 9)}")
            elif self.chance(0.2):
                lines += self.block(self.task_count, "  ", 2, None) or []
            else:
                lines.append("  " + self.prefix() + self.one(self.simple_ops(self.task_count))())
        return lines

    def coroutine(self, name, number, count):
        body = self.body(number, "  ", 0, None, count)
        if self.chance(0.3):
            body.append(f"  return {self.random.randint(1, 9)}")
        return [f"coro {name}", *body, "end"]

    def text(self):
        subjects = ["lock", "event", "cond", "sem", "barrier", "queue", "queue", "future", "var",
                    "task", "task", "many", "many", "timeout", "timeout", "group", "group",
                    "generator", "callback", "eager"]
        self.subjects = set(self.random.sample(subjects, self.random.randint(2, 5)))
        if not self.subjects & {"lock", "event", "cond", "sem", "barrier", "queue", "future"}:
            self.subjects.add("task")
        for subject in ("lock", "event", "cond", "sem", "barrier", "queue", "future", "var"):
            if subject in self.subjects:
                self.declare_subject(subject)
        self.task_count = self.random.randint(1, self.most_tasks)
        shared = [i for i in range(1, self.task_count + 1) if self.chance(0.3)]
        coroutines = []
        # What may run several times spawns none.
        if "generator" in self.subjects:
            for name in ("g1", "g2")[:self.random.randint(1, 2)]:
                coroutines += [f"gen {name}", *self.generator_body(), "end"]
                self.generators.append(name)
        if shared:
            coroutines += self.coroutine("shared", self.task_count, self.random.randint(1, self.longest))
        self.to_spawn = [(f"T{i}", "shared" if i in shared else f"c{i}")
                         for i in range(1, self.task_count + 1)]
        main = self.coroutine("main", 0, self.random.randint(2, self.longest))
        for i in range(1, self.task_count + 1):
            if i not in shared:
                self.to_spawn = [pair for pair in self.to_spawn if int(pair[0][1:]) > i] + \
                                [pair for pair in self.to_spawn if int(pair[0][1:]) <= i]
                coroutines += self.coroutine(f"c{i}", i, self.random.randint(1, self.longest))
        head = [f"  spawn {task} {coroutine}" for task, coroutine in self.to_spawn]
        main[1:1] = head
        return "\n".join(self.lines + main + coroutines) + "\n"


def generate(seed):
    return Generator(seed).text()
