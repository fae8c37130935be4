"""Richards: an operating system's scheduler with devices, handlers and a worker that pass packets on.

Martin Richards' benchmark, written anew from its description: queues of packets, tasks with flags, virtual calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

INSTRUMENTED: list[Any] = []
ITERATIONS = 110

IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B = range(6)
DEVICE_PACKET, WORK_PACKET = range(2)
PACKET_SIZE = 4


class Packet:
    def __init__(self, link: Packet | None, identity: int, kind: int) -> None:
        self.link = link
        self.identity = identity
        self.kind = kind
        self.datum = 0
        self.data = [0] * PACKET_SIZE

    def append_to(self, queue: Packet | None) -> Packet:
        self.link = None
        if queue is None:
            return self
        last = queue
        while last.link is not None:
            last = last.link
        last.link = self
        return queue


class Task:
    def __init__(self, scheduler: Scheduler, identity: int, priority: int, queue: Packet | None) -> None:
        self.scheduler = scheduler
        self.identity = identity
        self.priority = priority
        self.queue = queue
        self.packet_pending = queue is not None
        self.waiting = queue is not None
        self.holding = False
        scheduler.add(self)

    def is_held_or_waiting(self) -> bool:
        return self.holding or (not self.packet_pending and self.waiting)

    def is_waiting_with_packet(self) -> bool:
        return self.packet_pending and self.waiting and not self.holding

    def check_priority(self, current: Task, packet: Packet) -> Task:
        if self.queue is None:
            self.queue = packet
            self.packet_pending = True
            if self.priority > current.priority:
                return self
        else:
            packet.append_to(self.queue)
        return current

    def take_packet(self) -> Packet | None:
        if not self.is_waiting_with_packet():
            return None
        packet = self.queue
        assert packet is not None
        self.queue = packet.link
        self.waiting = False
        self.packet_pending = self.queue is not None
        return packet

    def run(self, packet: Packet | None) -> Task | None:
        raise NotImplementedError


class IdleTask(Task):
    def __init__(self, scheduler: Scheduler, count: int) -> None:
        super().__init__(scheduler, IDLE, 0, None)
        self.control = 1
        self.count = count

    def run(self, packet: Packet | None) -> Task | None:
        self.count -= 1
        if self.count == 0:
            return self.scheduler.hold_current()
        if self.control & 1 == 0:
            self.control //= 2
            return self.scheduler.release(DEVICE_A)
        self.control = self.control // 2 ^ 0xD008
        return self.scheduler.release(DEVICE_B)


class WorkerTask(Task):
    def __init__(self, scheduler: Scheduler, priority: int, queue: Packet) -> None:
        super().__init__(scheduler, WORKER, priority, queue)
        self.destination = HANDLER_A
        self.letter = 0

    def run(self, packet: Packet | None) -> Task | None:
        if packet is None:
            return self.scheduler.wait_current()
        self.destination = HANDLER_B if self.destination == HANDLER_A else HANDLER_A
        packet.identity = self.destination
        packet.datum = 0
        for index in range(PACKET_SIZE):
            self.letter = self.letter % 26 + 1
            packet.data[index] = ord("A") + self.letter - 1
        return self.scheduler.send(packet)


class HandlerTask(Task):
    def __init__(self, scheduler: Scheduler, identity: int, priority: int, queue: Packet) -> None:
        super().__init__(scheduler, identity, priority, queue)
        self.work: Packet | None = None
        self.device: Packet | None = None

    def run(self, packet: Packet | None) -> Task | None:
        if packet is not None:
            if packet.kind == WORK_PACKET:
                self.work = packet.append_to(self.work)
            else:
                self.device = packet.append_to(self.device)
        work = self.work
        if work is not None:
            if work.datum >= PACKET_SIZE:
                self.work = work.link
                return self.scheduler.send(work)
            device = self.device
            if device is not None:
                self.device = device.link
                device.datum = work.data[work.datum]
                work.datum += 1
                return self.scheduler.send(device)
        return self.scheduler.wait_current()


class DeviceTask(Task):
    def __init__(self, scheduler: Scheduler, identity: int, priority: int) -> None:
        super().__init__(scheduler, identity, priority, None)
        self.waiting = True
        self.pending: Packet | None = None

    def run(self, packet: Packet | None) -> Task | None:
        if packet is None:
            pending = self.pending
            if pending is None:
                return self.scheduler.wait_current()
            self.pending = None
            return self.scheduler.send(pending)
        self.pending = packet
        return self.scheduler.hold_current()


class Scheduler:
    def __init__(self) -> None:
        self.tasks: dict[int, Task] = {}
        self.order: list[Task] = []
        self.current: Task | None = None
        self.sent = 0
        self.held = 0

    def add(self, task: Task) -> None:
        self.tasks[task.identity] = task
        self.order.insert(0, task)

    def schedule(self) -> None:
        following: dict[Task, Task | None] = dict(zip(self.order, [*self.order[1:], None], strict=True))
        task: Task | None = self.order[0]
        while task is not None:
            if task.is_held_or_waiting():
                task = following[task]
            else:
                self.current = task
                task = task.run(task.take_packet())

    def find(self, identity: int) -> Task:
        try:
            return self.tasks[identity]
        except KeyError:
            raise ValueError(f"no task {identity}") from None

    def release(self, identity: int) -> Task | None:
        task = self.find(identity)
        task.holding = False
        current = self.current
        assert current is not None
        return task if task.priority > current.priority else current

    def hold_current(self) -> Task | None:
        assert self.current is not None
        self.held += 1
        self.current.holding = True
        index = self.order.index(self.current) + 1
        return self.order[index] if index < len(self.order) else None

    def wait_current(self) -> Task | None:
        assert self.current is not None
        self.current.waiting = True
        return self.current

    def send(self, packet: Packet) -> Task | None:
        task = self.find(packet.identity)
        current = self.current
        assert current is not None
        self.sent += 1
        packet.link = None
        packet.identity = current.identity
        return task.check_priority(current, packet)


def packets(count: int, identity: int, kind: int) -> Packet:
    queue: Packet | None = None
    for _ in range(count):
        queue = Packet(queue, identity, kind)
    assert queue is not None
    return queue


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        scheduler = Scheduler()
        IdleTask(scheduler, 250 + iteration % 3)
        WorkerTask(scheduler, 1000, packets(2, WORKER, WORK_PACKET))
        HandlerTask(scheduler, HANDLER_A, 2000, packets(3, DEVICE_A, DEVICE_PACKET))
        HandlerTask(scheduler, HANDLER_B, 3000, packets(3, DEVICE_B, DEVICE_PACKET))
        DeviceTask(scheduler, DEVICE_A, 4000)
        DeviceTask(scheduler, DEVICE_B, 5000)
        scheduler.schedule()
        return scheduler.sent * 10000 + scheduler.held

    return run
