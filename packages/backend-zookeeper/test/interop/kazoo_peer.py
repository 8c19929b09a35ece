"""kazoo's Lock, driven by the same lines as CuratorPeer.java. A handle is one client: one session, one thread."""

import logging
import queue
import sys
import threading
import time

from kazoo.client import KazooClient

logging.disable(logging.CRITICAL)
server, session_timeout_ms = sys.argv[1], int(sys.argv[2])
writing = threading.Lock()


def reply(line):
    with writing:
        print(line, flush=True)


class Handle(threading.Thread):
    def __init__(self, name):
        super().__init__(daemon=True)
        self.label = name
        self.calls = queue.Queue()
        self.client = None
        self.lock = None
        self.start()

    def run(self):
        while True:
            call, command, args = self.calls.get()
            try:
                reply(f"{call}\tok\t{self.carry_out(command, args)}")
            except Exception as error:
                reply(f"{call}\terror\t{' '.join(repr(error).split())}")

    def carry_out(self, command, args):
        if self.client is None:
            self.client = KazooClient(hosts=server, timeout=session_timeout_ms / 1000)
            self.client.start(timeout=20)
        if command == "connect":
            return format(self.client.client_id[0], "x")
        if command == "acquire":
            # Patterns are what kazoo takes for contenders beside its own names.
            path, patterns = args[0], tuple(args[1:])
            self.lock = self.client.Lock(path, self.label, extra_lock_patterns=patterns)
            return str(self.lock.acquire()).lower()
        if command == "release":
            return str(self.lock.release()).lower()
        if command == "contenders":
            return " ".join(self.client.Lock(args[0], extra_lock_patterns=tuple(args[1:])).contenders())
        if command == "turns":
            return self.turns(args[0], int(args[1]), args[2], tuple(args[3:]))
        raise ValueError(f"no such command: {command}")

    def turns(self, path, count, folder, patterns):
        for _ in range(count):
            with self.client.Lock(path, self.label, extra_lock_patterns=patterns):
                with open(f"{folder}/counter") as counter:
                    value = int(counter.read())
                self.append(folder, f"+ {self.label} {value}")
                time.sleep(0.001)
                with open(f"{folder}/counter", "w") as counter:
                    counter.write(str(value + 1))
                self.append(folder, f"- {self.label} {value}")
        return ""

    @staticmethod
    def append(folder, line):
        with open(f"{folder}/journal", "a") as journal:
            journal.write(f"{line}\n")


handles = {}
for line in sys.stdin:
    call, command, name, *args = line.rstrip("\n").split("\t")
    if name not in handles:
        handles[name] = Handle(name)
    handles[name].calls.put((call, command, args))
